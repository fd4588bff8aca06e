/** What an event leaves behind is short-lived: a larger young generation costs its host memory and saves no time. */
const YOUNG_MIB = 1;

/** Of a process without a bound. `--expose-gc` lets it tidy up when it rests. */
export const smallYoung: readonly string[] = ['--expose-gc', `--max-semi-space-size=${YOUNG_MIB}`];

/** What a process without a memory profile of its own may hold. */
export const usualHeapMib = 256;

/** Node's flags for a heap that may hold so much: at its end the process says so and ends, before the host is out of memory. */
export const heapFlags = (heapMib: number): readonly string[] => [...smallYoung, `--max-old-space-size=${heapMib}`];

/** The flags that this process lacks for such a heap, with the others that it was given; undefined if it has all. */
export function lackingHeapFlags(heapMib: number, given: readonly string[]): readonly string[] | undefined {
  const wanted = heapFlags(heapMib);
  if (wanted.every((flag) => given.includes(flag))) return undefined;
  const names = wanted.map((flag) => flag.split('=')[0]);
  return [...given.filter((flag) => !names.includes(flag.split('=')[0])), ...wanted];
}
