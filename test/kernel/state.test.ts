import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, linkSync, mkdirSync, openSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as z from 'zod';
import { type Agent, startAgent } from '../support/agent.ts';
import { eventually } from '../support/eventually.ts';
import { compile, makeFolder } from './recorder.ts';

/** `LANNER_STORM=20000` for the figures in the documentation. */
const storm = Number(process.env['LANNER_STORM'] ?? 4_000);
/** Nodes above each leaf, and above them this test. */
const LEVELS = 6;
const CHAIN_LEAVES = 200;

const line = z.strictObject({
  id: z.string(),
  pid: z.number(),
  ppid: z.number(),
  name: z.string(),
  exe: z.string(),
  cwd: z.string(),
  uid: z.number(),
  gid: z.number(),
  sid: z.number(),
  pgid: z.number(),
  tty: z.number(),
  argv: z.array(z.string()),
  ancestors: z.array(z.strictObject({ pid: z.number(), name: z.string() })),
});
type Line = z.output<typeof line>;

const folder = makeFolder();
let program = '';
let agent: Agent;

const levels = Array.from({ length: LEVELS }, (_, index) => index + 1);
const fields = [
  'proc.pid proc.ppid proc.name proc.exepath proc.exe proc.args proc.cwd proc.sid proc.pgid proc.tty user.uid group.gid',
  ...levels.map((level) => `proc.aname[${level}] proc.apid[${level}]`),
]
  .join(' ')
  .split(' ');

const rules = () => `- rule: marked
  desc: a process of the storm opens the file that marks it
  condition: evt.type=openat and fd.name=${folder.path}/mark
  output: "%${fields.join(' %')}"
  priority: INFO
`;

beforeAll(async () => {
  program = compile('storm.c', folder.path);
  for (const name of ['bin', 'cwd']) mkdirSync(join(folder.path, name));
  for (const letter of 'abcdefgh') mkdirSync(join(folder.path, 'cwd', letter));
  symlinkSync('a', join(folder.path, 'cwd/link'));
  writeFileSync(join(folder.path, 'mark'), '');
  chmodSync(folder.path, 0o755);
  for (let number = 0; number < 64; number++) {
    // From 2 letters to 20: the kernel keeps 15.
    const name = `n${String.fromCharCode(97 + (number % 26))}`.repeat(1 + (number % 10)) + (number > 25 ? 'x' : '');
    const unique = `${name}${number}`;
    linkSync(program, join(folder.path, 'bin', unique));
    symlinkSync(unique, join(folder.path, 'bin', String(number)));
  }
  agent = await startAgent(rules());
}, 120_000);

afterAll(async () => {
  await agent?.close();
  folder.remove();
});

type Chain = { readonly log: string; readonly child: ChildProcess; readonly ended: Promise<unknown> };

/** A chain of nodes with leaves that are numbered from `first` on. */
function startChain(kind: 'leaf' | 'stay', first: number, count: number): Chain {
  const log = join(folder.path, `log-${kind}-${first}`);
  const descriptor = openSync(log, 'a');
  const seed = String(1_000_003 * (first + 17));
  const args = ['node', String(LEVELS - 1), String(count), seed, folder.path, String(first), kind];
  const stdio = [
    ...new Array<'ignore'>(2).fill('ignore'),
    'inherit',
    ...new Array<'ignore'>(6).fill('ignore'),
    descriptor,
  ] as const;
  const child = spawn(program, args, { cwd: folder.path, stdio: [...stdio] });
  return { log, child, ended: once(child, 'exit') };
}

const readLog = (path: string): Line[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((each) => each !== '')
    .map((each) => line.parse(JSON.parse(each)));

/** What the alert of a process must say, by what the process said of itself. */
const expected = (said: Line): Record<string, unknown> => ({
  'proc.pid': said.pid,
  'proc.ppid': said.ppid,
  'proc.name': said.name,
  'proc.exepath': said.exe,
  'proc.exe': said.argv[0],
  'proc.args': said.argv.slice(1).join(' '),
  'proc.cwd': `${said.cwd}/`,
  'proc.sid': said.sid,
  'proc.pgid': said.pgid,
  'proc.tty': said.tty,
  'user.uid': said.uid,
  'group.gid': said.gid,
  ...Object.fromEntries(
    said.ancestors.flatMap(({ pid, name }, index) => [
      [`proc.aname[${index + 1}]`, name],
      [`proc.apid[${index + 1}]`, pid],
    ]),
  ),
});

const idOf = (args: unknown): string => String(args).split(' ')[1] ?? '';

/** How each line differs from its alert; none when all is right. */
function differences(lines: readonly Line[], from = 0): string[] {
  const alerts = new Map(
    agent
      .alerts()
      .slice(from)
      .map(({ output_fields: each }) => [idOf(each['proc.args']), each]),
  );
  return lines.flatMap((said) => {
    const alert = alerts.get(said.id);
    if (alert === undefined) return [`${said.id}: no alert`];
    return Object.entries(expected(said))
      .filter(([field, value]) => alert[field] !== value)
      .map(([field, value]) => `${said.id}: ${field} is ${JSON.stringify(alert[field])}, not ${JSON.stringify(value)}`);
  });
}

test(`alerts of ${storm} short processes agree with what they were, and with six ancestors`, {
  timeout: 600_000,
}, async () => {
  const chains: Chain[] = [];
  const begunMs = performance.now();
  const firsts = Array.from({ length: Math.ceil(storm / CHAIN_LEAVES) }, (_, index) => index * CHAIN_LEAVES);
  const rest = firsts.values();
  await Promise.all(
    [0, 1].map(async () => {
      for (const first of rest) {
        const chain = startChain('leaf', first, CHAIN_LEAVES);
        chains.push(chain);
        expect(await chain.ended).toEqual([0, null]);
      }
    }),
  );
  const tookS = (performance.now() - begunMs) / 1_000;
  const lines = chains.flatMap(({ log }) => readLog(log));
  expect(lines).toHaveLength(firsts.length * CHAIN_LEAVES);
  await eventually('an alert for each', () => agent.alerts().length >= lines.length || undefined, 30_000).catch(
    () => undefined,
  );
  const wrong = differences(lines);
  process.stdout.write(`storm: ${lines.length} processes in ${tookS.toFixed(1)} s, ${wrong.length} fields wrong\n`);
  expect(wrong.slice(0, 20)).toEqual([]);
  expect(agent.alerts()).toHaveLength(lines.length);
});
