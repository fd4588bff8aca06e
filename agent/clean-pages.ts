import { readFileSync } from 'node:fs';
import { openOwnMemory } from '#native';

/** Addresses, the second one past the end. */
type PageRange = readonly [from: bigint, to: bigint];

const heading = /^([0-9a-f]+)-([0-9a-f]+) (?:r--p|r-xp) \S+ \S+ \d+ +\/.*$/m;
/**
 * Mappings that hold nothing but what their files hold: not writable, and no page of them was ever changed. `smaps` is
 * /proc/self/smaps (proc(5)). Those with nothing in memory are left out.
 */
export function findCleanPages(smaps: string): readonly PageRange[] {
  return smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m).flatMap((mapping) => {
    const [, from, to] = heading.exec(mapping) ?? [];
    // A changed page of a private mapping is anonymous; Private_Dirty also counts files that are not on the disk yet.
    const isClean = /^Anonymous: +0 kB$/m.test(mapping);
    if (from === undefined || to === undefined || !isClean || /^Rss: +0 kB$/m.test(mapping)) return [];
    return [[BigInt(`0x${from}`), BigInt(`0x${to}`)] as const];
  });
}

/** What the allocator keeps, and pages of programs that only the start has used: those that are used come back from their files. */
export function giveBack(): void {
  const { trimAllocator, dropPages } = openOwnMemory();
  trimAllocator();
  dropPages(BigUint64Array.from(findCleanPages(readFileSync('/proc/self/smaps', 'latin1')).flat()));
}
