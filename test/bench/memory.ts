import { setTimeout as delay } from 'node:timers/promises';
import { startLanner } from '../support/lanner.ts';
import { memoryOf, type Process, processesBelow } from '../support/process.ts';
import type { Bench } from './bench.ts';

const idleMs = 20_000;

/** Which part of Lanner a process is: by the command that the supervisor gave it, or by its program. */
function partOf({ args }: Process): string {
  if (args.some((arg) => /redis|valkey/.test(arg))) return 'redis';
  const command = args[args.findIndex((arg) => arg.endsWith('lanner.ts')) + 1];
  return command === undefined || command === 'up' ? 'supervisor' : command;
}

/** Starts `lanner up` with the built-in rules, leaves it alone for 20 s, and reads what each process holds. */
export const memory: Bench = {
  name: 'memory',
  summary: 'memory of agent, router, supervisor and Redis, idle, each by itself',
  async run(report) {
    const lanner = await startLanner();
    try {
      await delay(idleMs);
      for (const process of processesBelow(lanner.pid)) {
        const { rssMb, pssMb } = memoryOf(process.pid);
        const part = partOf(process);
        report({ bench: `memory.${part}.rss`, value: rssMb, unit: 'MB' });
        report({ bench: `memory.${part}.pss`, value: pssMb, unit: 'MB' });
      }
    } finally {
      await lanner.close();
    }
  },
};
