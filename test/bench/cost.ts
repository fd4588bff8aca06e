import { setTimeout as delay } from 'node:timers/promises';
import { type Bench, percentile, spreadOf } from './bench.ts';
import { LEFT_ALONE, WANTED } from './flood.ts';
import { compileLoops, type Loops } from './loops.ts';
import { type WatchingAgent, watchWithAgent } from './watcher.ts';

const ROUNDS = 5;
/** Code that is new is not compiled yet: rounds go before until two in a row differ by so little, or so many. */
const SETTLED = 0.15;
const MOST_BEFORE = 10;

const kinds = [
  { bench: 'cost.open', target: 0.2, args: ['open', 200_000, WANTED] },
  { bench: 'cost.connect', target: 0.25, args: ['connect', 10_000] },
  { bench: 'cost.exec', target: 8, args: ['exec', 2_000, '/bin/true'] },
] as const;

/** What an event costs the agent: its CPU time for events that no alert comes of. */
export const cost: Bench = {
  name: 'cost',
  summary: 'CPU time of the agent for a million events: of the first ones, and when it has warmed up',
  async run(report) {
    const loops = compileLoops();
    const agent = await watchWithAgent();
    try {
      await agent.rested();
      const program = loops.named(LEFT_ALONE);
      for (const { bench, target, args } of kinds) {
        const round = () => costOf(agent, loops, args, program);
        const before: Round[] = [];
        while (before.length < MOST_BEFORE && !isSettled(before)) before.push(await round());
        const rounds: Round[] = [];
        while (rounds.length < ROUNDS) rounds.push(await round());
        // A pause of its own for each round would let one neighbour's burst make a round look cheap.
        const share = percentile(
          [...before, ...rounds].map(({ pauseNs, tookMs }) => pauseNs / tookMs),
          0.5,
        );
        const secondsOf = ({ usedNs, tookMs, count }: Round) => ((usedNs - share * tookMs) / count / 1e9) * 1e6;
        const samples = rounds.map(secondsOf);
        const [first] = before.map(secondsOf);
        if (first !== undefined) report({ bench: `${bench}.first`, value: first, unit: 's' });
        report({ bench: `${bench}.rounds_before`, value: before.length, unit: 'rounds' });
        const value = percentile(samples, 0.5);
        report({ bench, value, unit: 's', spread: spreadOf(samples), target: { at: 'most', value: target } });
      }
    } finally {
      await agent.close();
      loops.close();
    }
  },
};

type Round = {
  readonly count: number;
  readonly tookMs: number;
  readonly usedNs: number;
  /** What the agent used in as long a time without the loop. */
  readonly pauseNs: number;
};

function isSettled(rounds: readonly Round[]): boolean {
  const [one, other] = rounds.slice(-2).map(({ usedNs }) => usedNs);
  return one !== undefined && other !== undefined && Math.abs(one - other) <= SETTLED * Math.max(one, other);
}

async function costOf(
  agent: WatchingAgent,
  loops: Loops,
  args: readonly (string | number)[],
  program: string,
): Promise<Round> {
  const began = performance.now();
  const [{ count }, usedNs] = await usedBy(agent, () => loops.run(args, { program }));
  const tookMs = performance.now() - began;
  const [, pauseNs] = await usedBy(agent, () => delay(tookMs));
  return { count, tookMs, usedNs, pauseNs };
}

/** Nanoseconds of CPU time until all that came of it was handled. */
async function usedBy<T>(agent: WatchingAgent, what: () => Promise<T>): Promise<readonly [T, number]> {
  const before = agent.cpuNs();
  const done = await what();
  await agent.counters();
  return [done, agent.cpuNs() - before];
}
