import { readdirSync, readFileSync } from 'node:fs';

/** A process as /proc shows it. */
export type Process = { readonly pid: number; readonly parent: number; readonly args: readonly string[] };

/** Every process below `root`, itself included; one that ends meanwhile is left out. */
export function processesBelow(root: number): readonly Process[] {
  const all = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (readProcess(Number(name)) ?? []) : []));
  const wanted = new Set([root]);
  for (let size = 0; size !== wanted.size; ) {
    size = wanted.size;
    for (const { pid, parent } of all) if (wanted.has(parent)) wanted.add(pid);
  }
  return all.filter(({ pid }) => wanted.has(pid));
}

function readProcess(pid: number): Process | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in parentheses may hold anything, so fields are counted from its end: state, parent, …
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
    return { pid, parent, args };
  } catch {
    return undefined; // it ended
  }
}

/** Resident and proportional set size: shared pages count in full in the first, divided by their users in the second. */
export type Memory = { readonly rssMb: number; readonly pssMb: number };

export function memoryOf(pid: number): Memory {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
  const mb = (key: string) => {
    const found = new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(rollup)?.[1];
    if (found === undefined) throw new Error(`/proc/${pid}/smaps_rollup has no ${key}`);
    return Number(found) / 1024;
  };
  return { rssMb: mb('Rss'), pssMb: mb('Pss') };
}
