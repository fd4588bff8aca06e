import { spawnSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { memoryOf } from '../support/process.ts';
import type { Bench } from './bench.ts';
import { watchWithAgent } from './watcher.ts';

/** Until what the start has left behind was given back (rules/cli/rest.ts). */
const SETTLE_MS = 15_000;
const IDLE_MS = 60_000;
const PROGRAMS = 20;

/** The agent on a host where nothing happens but what the host does by itself. */
export const idle: Bench = {
  name: 'idle',
  summary: 'CPU of the agent over a minute of quiet, and its memory',
  async run(report) {
    const agent = await watchWithAgent();
    try {
      // The first program that it sees has rules put together and code compiled: that is no rest.
      for (let time = 0; time < PROGRAMS; time++) spawnSync('/bin/true');
      // Asking it costs as much as a minute of rest, and brings back what it had given back: before and after, and not meanwhile.
      const before = await agent.counters();
      await delay(SETTLE_MS);
      const beforeNs = agent.cpuNs();
      await delay(IDLE_MS);
      const share = (agent.cpuNs() - beforeNs) / 1e6 / IDLE_MS;
      const { rssMb, pssMb } = memoryOf(agent.pid);
      const after = await agent.counters();
      report({ bench: 'idle.cpu', value: share * 100, unit: '% of a core', target: { at: 'most', value: 0.1 } });
      report({
        bench: 'idle.events',
        value: (after.bulk + after.lifecycle - before.bulk - before.lifecycle) / ((SETTLE_MS + IDLE_MS) / 1_000),
        unit: 'events/s',
      });
      report({ bench: 'idle.rss', value: rssMb, unit: 'MB', target: { at: 'most', value: 70 } });
      report({ bench: 'idle.pss', value: pssMb, unit: 'MB' });
    } finally {
      await agent.close();
    }
  },
};
