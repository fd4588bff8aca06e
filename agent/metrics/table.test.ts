import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { Facts } from './facts.ts';
import { type Metric, metrics, renderMetrics } from './table.ts';

const facts: Facts = {
  counters: {
    capture: {
      lifecycle: 1,
      bulk: 2,
      dropped: { lifecycleFull: 0, bulkFull: 0, noScratch: 0, recursion: 0 },
    },
    engine: { events: 3, matched: 4, waited: 5, pending: 6 },
    processes: { healed: 1, lost: 2, replaced: 3, evicted: 4, corrected: 5 },
    containers: { lookups: 1, expected: 2, fromFiles: 3, failures: 4, evicted: 5 },
    users: { questions: 1, failed: 2, found: 3, missing: 4, tooMany: 5 },
    names: { asked: 1, failed: 2, tooMany: 3 },
    kubernetes: { lists: 1, watches: 2, events: 3, failures: 4, refused: 5 },
    mesos: { asked: 1, failures: 2 },
    outputs: {
      stdout: { written: 7, held: 8, lost: 9, limited: 10 },
      router: {
        written: 1,
        held: 2,
        lost: 3,
        exposed: 4,
        spool: { segments: 5, bytes: 6, waiting: 7, lost: 8, damaged: 9, torn: 10, refused: 11 },
      },
    },
  },
  losses: { cpu_limit: { openat: 10 } },
  way: { name: 'each', text: 't', hooks: 37 },
  filtered: { openat: { sent: 11, dropped: 12 } },
  costs: new Map([['openat', { events: 13, totalNs: 14e9 }]]),
  ruleTimes: [{ name: 'a "rule"', evaluated: 2, totalNs: 1e6, longestNs: 9e5 }],
  ruleMatches: new Map([['a "rule"', 15]]),
  ruleNames: ['a "rule"', 'b'],
  cpuSeconds: 16.5,
  residentBytes: 17,
  heapBytes: 18,
  heapLimitBytes: 19,
};

const all: Readonly<Record<string, Metric>> = metrics;

it('the documentation lists each metric with its labels and what it means, and no other', () => {
  const text = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const rows = [...text.matchAll(/^\| `(lanner_agent_\w+)` +\| (.*?) +\| (.*?) +\|$/gm)].map(([, ...cells]) => cells);
  expect(rows).toEqual(
    Object.entries(all).map(([name, { labels, doc }]) => [name, labels.map((label) => `\`${label}\``).join(', '), doc]),
  );
});

it('each metric has a sample here, with the labels that it declares, and the suffix of its kind', () => {
  for (const [name, { kind, labels, read }] of Object.entries(all)) {
    const samples = read(facts);
    expect(samples, name).not.toEqual([]);
    for (const sample of samples) expect(Object.keys(sample.labels), name).toEqual(labels);
    expect(name.endsWith('_total'), name).toBe(kind === 'counter');
  }
});

it('is written in Prometheus’ text', () => {
  const text = renderMetrics(facts);
  expect(text).toContain(
    '# TYPE lanner_agent_lost_total counter\nlanner_agent_lost_total{cause="cpu_limit",type="openat"} 10\n',
  );
  expect(text).toContain(
    'lanner_agent_rule_matches_total{rule="a \\"rule\\""} 15\nlanner_agent_rule_matches_total{rule="b"} 0\n',
  );
  expect(text).toContain('lanner_agent_rule_evaluations_total{rule="a \\"rule\\""} 2042\n');
  expect(text).toContain('\nlanner_agent_cpu_seconds_total 16.5\n');
});
