import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeGroupFile } from './cgroup.ts';
import type { ContainerTarget } from './container-target.ts';

const SETTLE_MS = 2_000;

type FrozenState = 'frozen' | 'thawed';

/** Where a hierarchy tells and takes the state: the v1 freezer, or the v2 core (5.2). */
type Freezer = {
  readonly folder: string;
  readonly file: string;
  readonly values: Readonly<Record<FrozenState, string>>;
};

function freezersOf({ groups }: ContainerTarget): readonly Freezer[] {
  return [...groups].flatMap(([hierarchy, folder]): readonly Freezer[] => {
    if (hierarchy === '') return [{ folder, file: 'cgroup.freeze', values: { frozen: '1', thawed: '0' } }];
    if (!hierarchy.split(',').includes('freezer')) return [];
    return [{ folder, file: 'freezer.state', values: { frozen: 'FROZEN', thawed: 'THAWED' } }];
  });
}

/** Asks the kernel to freeze or thaw all of the container; `false` when it has no freezer that takes it. */
export function setFrozen(target: ContainerTarget, state: FrozenState): boolean {
  const taken = freezersOf(target).map(({ folder, file, values }) => writeGroupFile(folder, file, values[state]));
  return taken.some(Boolean);
}

/** Whether nothing of the container runs, as far as its freezers say. */
function isFrozen(target: ContainerTarget): boolean {
  return freezersOf(target).some(({ folder, file }) => {
    try {
      if (file === 'freezer.state') return readFileSync(join(folder, file), 'latin1').trim() === 'FROZEN';
      return /^frozen 1$/m.test(readFileSync(join(folder, 'cgroup.events'), 'latin1'));
    } catch {
      return false; // Removed: the container has ended.
    }
  });
}

/** Waits until the kernel says that the container is in this state: a process in a system call freezes when it leaves it. */
export async function untilFrozen(target: ContainerTarget, state: FrozenState, signal: AbortSignal): Promise<boolean> {
  for (const untilMs = performance.now() + SETTLE_MS; performance.now() < untilMs && !signal.aborted; ) {
    if (isFrozen(target) === (state === 'frozen')) return true;
    await sleep(5);
  }
  return isFrozen(target) === (state === 'frozen');
}
