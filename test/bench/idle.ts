import { setTimeout as delay } from 'node:timers/promises';
import { memoryOf } from '../support/process.ts';
import type { Bench } from './bench.ts';
import { watchWithAgent } from './watcher.ts';

const SETTLE_MS = 5_000;
const IDLE_MS = 60_000;

/** The agent on a host where nothing happens but what the host does by itself. */
export const idle: Bench = {
  name: 'idle',
  summary: 'CPU of the agent over a minute of quiet, and its memory',
  async run(report) {
    const agent = await watchWithAgent();
    try {
      await delay(SETTLE_MS);
      const before = await agent.counters();
      const beforeNs = agent.cpuNs();
      await delay(IDLE_MS);
      const share = (agent.cpuNs() - beforeNs) / 1e6 / IDLE_MS;
      const after = await agent.counters();
      report({ bench: 'idle.cpu', value: share * 100, unit: '% of a core', target: { at: 'most', value: 0.1 } });
      report({
        bench: 'idle.events',
        value: (after.bulk + after.lifecycle - before.bulk - before.lifecycle) / (IDLE_MS / 1_000),
        unit: 'events/s',
      });
      const { rssMb, pssMb } = memoryOf(agent.pid);
      report({ bench: 'idle.rss', value: rssMb, unit: 'MB', target: { at: 'most', value: 70 } });
      report({ bench: 'idle.pss', value: pssMb, unit: 'MB' });
    } finally {
      await agent.close();
    }
  },
};
