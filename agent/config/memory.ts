import { usualHeapMib } from '#rules/cli/heap';

/** How much memory the agent may take for what waits and for what it remembers. Counts are powers of two where tables need that. */
export type MemoryProfile = {
  /** Of the kernel's rings: what they hold may wait, what they do not hold is lost. */
  readonly lifecycleBytes: number;
  readonly bulkBytes: number;
  /** Texts of events that are made once. */
  readonly texts: number;
  /** Processes that have ended and are still somebody's parent. */
  readonly endedProcesses: number;
  /** Events that wait for the details of their container. */
  readonly waitingEvents: number;
  /** What JavaScript may hold; beyond it the agent ends with V8's word on it. */
  readonly heapMib: number;
};

const KIB = 1024;
const MIB = 1024 * KIB;

/** A ring is in the agent's resident memory from the start. */
export const memoryProfiles = {
  small: {
    lifecycleBytes: 512 * KIB,
    bulkBytes: 1 * MIB,
    texts: 1_024,
    endedProcesses: 2_048,
    waitingEvents: 1_024,
    heapMib: 128,
  },
  default: {
    lifecycleBytes: 1 * MIB,
    bulkBytes: 8 * MIB,
    texts: 4_096,
    endedProcesses: 8_192,
    waitingEvents: 4_096,
    heapMib: usualHeapMib,
  },
  large: {
    lifecycleBytes: 8 * MIB,
    bulkBytes: 64 * MIB,
    texts: 32_768,
    endedProcesses: 65_536,
    waitingEvents: 16_384,
    heapMib: 1_024,
  },
} as const satisfies Readonly<Record<string, MemoryProfile>>;

export const memoryNames = ['small', 'default', 'large'] as const;
