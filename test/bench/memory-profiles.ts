import { setTimeout as delay } from 'node:timers/promises';
import { memoryNames } from '../../agent/config/memory.ts';
import { memoryOf } from '../support/process.ts';
import type { Bench } from './bench.ts';
import { FILES, GUARDED_FOLDER, LEFT_ALONE } from './flood.ts';
import { compileLoops } from './loops.ts';
import { watchWithAgent } from './watcher.ts';

const FLOOD_SECONDS = 3;
const EXECS = 3_000;
const SETTLE_MS = 3_000;

/** Each memory profile: what is resident when nothing happens, and after its rings were full and its tables as well. */
export const memoryProfilesBench: Bench = {
  name: 'memory-profiles',
  summary: 'resident memory of the agent by memory profile, idle and after a flood of opens and execs',
  async run(report) {
    const loops = compileLoops();
    try {
      for (const name of memoryNames) {
        const agent = await watchWithAgent({ memory: name });
        try {
          await delay(SETTLE_MS);
          report({ bench: `memory-profiles.${name}.idle`, value: memoryOf(agent.pid).rssMb, unit: 'MB' });
          const flood = loops.start(['unique', FLOOD_SECONDS, FILES, GUARDED_FOLDER], loops.named(LEFT_ALONE));
          await flood.ready;
          flood.go();
          await flood.lines;
          await loops.run(['exec', EXECS, '/bin/true']);
          await delay(SETTLE_MS);
          report({ bench: `memory-profiles.${name}.flooded`, value: memoryOf(agent.pid).rssMb, unit: 'MB' });
        } finally {
          await agent.close();
        }
      }
    } finally {
      loops.close();
    }
  },
};
