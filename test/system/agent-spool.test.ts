import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { alertSchema } from '#rules/alert';
import { makeRouterOutput } from '../../agent/outputs/router.ts';
import { readFrame } from '../../agent/spool/frame.ts';
import { type Agent, startAgent } from '../support/agent.ts';
import { eventually } from '../support/eventually.ts';
import { runLanner } from '../support/lanner.ts';
import { makePlace, type Place, type RouterProcess, startRouterAt } from '../support/router.ts';

let place: Place;
let folder: string;
let data: string;
let tokenFile: string;
const closers: (() => unknown)[] = [];

beforeEach(async () => {
  place = await makePlace();
  folder = mkdtempSync(join(tmpdir(), 'lanner-spool-'));
  data = join(folder, 'data');
  mkdirSync(data, { mode: 0o700 });
  mkdirSync(join(folder, 'touched'));
  tokenFile = join(place.dataFolder, 'token');
  writeFileSync(tokenFile, 'a-token-of-this-test-only\n', { mode: 0o600 });
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  place.remove();
  rmSync(folder, { recursive: true, force: true });
});

const startRouter = async (): Promise<RouterProcess> => {
  const router = await startRouterAt(place);
  closers.push(() => router.end());
  return router;
};
const agentArgs = () => ['--router', place.url, '--token-file', tokenFile, '--data', data];
const runAgent = async (): Promise<Agent> => {
  const rules = `
- rule: Touched
  desc: d
  condition: evt.type in (open, openat, openat2, creat) and evt.is_open_write=true and fd.name startswith "${folder}/touched"
  output: touched %fd.filename
  priority: NOTICE
`;
  const agent = await startAgent(rules, agentArgs());
  closers.push(() => agent.close());
  return agent;
};

/** Makes the agent raise an alert for each number. */
function touch(numbers: readonly number[]): void {
  for (const number of numbers) closeSync(openSync(join(folder, 'touched', `n${number}`), 'w'));
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);
const byValue = (a: number, b: number) => a - b;

const storeSchema = z.object({ alerts: z.array(z.object({ id: z.string(), alert: alertSchema })) });
/** The latest 1,000 alerts of the router, the oldest first. */
const stored = async () =>
  storeSchema.parse(await (await place.get('/api/alerts?limit=1000')).json()).alerts.toReversed();
/** The numbers of the alerts that the router has, in its order. */
const storedNumbers = async () =>
  (await stored()).flatMap(({ alert }) => {
    const number = /\bn(\d+)(?: |$)/.exec(alert.output)?.[1];
    return number === undefined ? [] : [Number(number)];
  });
const storedAll = (count: number) =>
  eventually(
    `${count} alerts at the router`,
    async () => {
      const numbers = await storedNumbers();
      return numbers.length >= count ? numbers : undefined;
    },
    30_000,
  );

const spoolFiles = () => readdirSync(join(data, 'spool')).map((name) => join(data, 'spool', name));
const segments = () => (readdirSync(data).includes('spool') ? spoolFiles().filter((name) => name.endsWith('.v1')) : []);

/** Records in the spool, read from its files as they are now. */
function countOnDisk(): number {
  let count = 0;
  for (const path of segments()) {
    const bytes = readFileSync(path);
    for (let at = 0; ; ) {
      const step = readFrame(bytes, at);
      if (step.kind === 'end') break;
      if (step.kind === 'record') count++;
      at = step.end;
    }
  }
  return count;
}

describe('an agent that is killed while the router is down', () => {
  it('has handed on each of 1,000 alerts exactly once when both are back', { timeout: 120_000 }, async () => {
    const first = await runAgent();
    touch(range(1, 1_000));
    await eventually('all to be in the spool', () => countOnDisk() === 1_000 || undefined);
    await first.close('SIGKILL');
    for (const path of [join(data, 'spool'), ...spoolFiles()]) expect(statSync(path).mode & 0o077).toBe(0);
    const token = readFileSync(tokenFile, 'utf8').trim();
    for (const path of spoolFiles()) expect(readFileSync(path, 'latin1')).not.toContain(token);

    await startRouter();
    await runAgent();
    expect((await storedAll(1_000)).toSorted(byValue)).toEqual(range(1, 1_000));
  });

  it('reads around damage in its spool, and raises an alert about what is lost', { timeout: 120_000 }, async () => {
    const first = await runAgent();
    touch(range(1, 50));
    await eventually('all to be in the spool', () => countOnDisk() === 50 || undefined);
    await first.close('SIGKILL');
    const [path = ''] = segments();
    const bytes = readFileSync(path);
    bytes.fill(0xff, 1_000, 1_010);
    writeFileSync(path, Buffer.concat([bytes, Buffer.alloc(512)]));

    await startRouter();
    const second = await runAgent();
    const numbers = await storedAll(49);
    expect(new Set(numbers).size).toBe(49);
    expect(second.said()).toContain('the spool is damaged');
    const isAboutIt = (rule: string, output: string) => rule.startsWith('Lanner internal') && output.includes('lost');
    await eventually(
      'the alert about it',
      async () => (await stored()).some(({ alert }) => isAboutIt(alert.rule, alert.output)) || undefined,
    );
  });
});

/** Writes alerts through the agent's output, and says after each pause up to which they are on disk or at the router. */
const writer = `
const [url, token, dataFolder, from, to] = process.argv.slice(1);
const { makeRouterOutput } = await import(${JSON.stringify(new URL('../../agent/outputs/router.ts', import.meta.url).href)});
const { makeAlertId } = await import(${JSON.stringify(new URL('../../agent/alerts/alert-id.ts', import.meta.url).href)});
const output = makeRouterOutput({ url: new URL(url), token, dataFolder, spoolMaxBytes: 16777216, log: () => undefined });
for (let number = Number(from); number <= Number(to); number++) {
  const id = makeAlertId(Date.now(), crypto.randomUUID());
  const alert = { time: '2026-11-23T14:00:00Z', rule: 'Written', priority: 'Notice', source: 'syscall', hostname: 'h',
    output: 'n' + number, output_fields: {}, tags: [], lanner: { version: 1, id, node: 'n' } };
  output.write(alert);
  await new Promise((resolve) => setTimeout(resolve, 5));
  if (output.counters().exposed === 0) console.log(number);
}
while (output.counters().held > 0) await new Promise((resolve) => setTimeout(resolve, 10));
console.log('done');
await output.close(100);
`;

function startWriter(from: number, to: number) {
  const token = readFileSync(tokenFile, 'utf8').trim();
  const args = ['--input-type=module', '-e', writer, place.url, token, data, String(from), String(to)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: string[] = [];
  createInterface(child.stdout).on('line', (line) => lines.push(line));
  const gone = once(child, 'close');
  const end = async () => {
    child.kill('SIGKILL');
    await gone;
  };
  closers.push(end);
  return { lines, end };
}

describe('an agent that is killed again and again', () => {
  it('loses nothing that it had written, and the router has nothing twice', { timeout: 120_000 }, async () => {
    const safe = new Set<number>();
    let router = await startRouter();
    for (let life = 0; life < 6; life++) {
      const [from, to] = [life * 150 + 1, life * 150 + 150];
      const { lines, end } = startWriter(from, to);
      await eventually('some of its alerts', () => lines.length > 10 + 5 * life || undefined, 20_000);
      // In every third life the router is killed first.
      if (life % 3 === 1) await router.end('SIGKILL');
      await eventually('a few more', () => lines.length > 40 + 5 * life || undefined, 20_000);
      await end();
      for (const line of lines) if (line !== 'done') for (const number of range(from, Number(line))) safe.add(number);
      if (life % 3 === 1) router = await startRouter();
    }
    const last = startWriter(901, 901);
    await eventually('all to be handed on', () => last.lines.includes('done') || undefined, 30_000);
    const numbers = await storedNumbers();
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(safe.size).toBeGreaterThan(200);
    expect([...safe].filter((number) => !numbers.includes(number))).toEqual([]);
  });
});

/** A small disk of its own for the data folder; what is returned changes its options. */
function mountSmall(): (options: string) => void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=700', 'lanner-test', data]);
  closers.unshift(() => execFileSync('umount', ['-l', data]));
  return (options) => execFileSync('mount', ['-o', `remount,${options}`, data]);
}

const alertOf = (number: number, text = '') =>
  alertSchema.parse({
    time: '2026-11-23T14:00:00Z',
    rule: 'Written',
    priority: 'Notice',
    output: `${text} n${number}`,
  });

describe('a disk that refuses', () => {
  it.for([
    { name: 'is full', fill: true, remount: undefined },
    { name: 'is read-only', fill: false, remount: 'ro' },
  ])('does not keep alerts from the router: it $name', async ({ fill, remount }) => {
    const change = mountSmall();
    if (fill) expect(() => writeFileSync(join(data, 'filler'), Buffer.alloc(2 * 1024 * 1024))).toThrow('ENOSPC');
    if (remount !== undefined) change(remount);
    const agent = await runAgent();
    touch(range(1, 20));
    await eventually('the warning', () => agent.said().includes('the spool cannot be used') || undefined);
    await startRouter();
    expect((await storedAll(20)).toSorted(byValue)).toEqual(range(1, 20));
    const warnings = agent
      .said()
      .split('\n')
      .filter((line) => line.includes('the spool cannot be used'));
    expect(warnings).toHaveLength(1);
    expect((await agent.close()).code).toBe(0);
  });

  it('is used as far as it goes, and again when there is room; no alert is lost', { timeout: 90_000 }, async () => {
    const change = mountSmall();
    const log = vi.fn();
    const token = readFileSync(tokenFile, 'utf8').trim();
    const spoolMaxBytes = 64 * 1024 * 1024;
    const output = makeRouterOutput({ url: new URL(place.url), token, dataFolder: data, spoolMaxBytes, log });
    closers.push(() => output.close(50));
    // 3 MB on a disk of 1 MiB.
    for (const number of range(1, 600)) {
      output.write(alertOf(number, 'x'.repeat(5_000)));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await eventually('the disk to be full', () => output.counters().spool.refused > 0 || undefined);
    expect(output.counters()).toMatchObject({ held: 600, lost: 0 });
    expect(output.counters().exposed).toBeGreaterThan(300);
    expect(log.mock.calls.filter(([, message]) => String(message).includes('cannot be used'))).toHaveLength(1);
    change('size=16m');
    await eventually('all to be on disk', () => output.counters().exposed === 0 || undefined);
    expect(log).toHaveBeenCalledWith('info', 'the spool can be used again');
    expect(countOnDisk()).toBe(600);
    await startRouter();
    expect(await storedAll(600)).toEqual(range(1, 600));
    await eventually('the counters', () => output.counters().held === 0 || undefined);
    expect(output.counters()).toMatchObject({ written: 600, lost: 0, spool: { waiting: 0 } });
  });
});

describe('a data folder', () => {
  it('is for one agent: a second is refused until the first has gone', async () => {
    const first = await runAgent();
    const second = await runLanner('agent', ...agentArgs());
    expect(second.stderr).toBe(
      `lanner agent: another agent (process ${first.pid}) uses ${data}; stop it or choose another --data folder\n`,
    );
    expect(second.code).toBe(1);
    await first.close('SIGKILL');
    const third = await runAgent();
    expect((await third.close()).code).toBe(0);
    expect(readdirSync(data)).not.toContain('agent.lock');
  });

  it('that cannot be made ends the start with a reason', async () => {
    const { code, stderr } = await runLanner('agent', ...agentArgs(), '--data', '/proc/nowhere');
    expect(stderr).toMatch(/^lanner agent: the data folder cannot be used: ENOENT.*\/proc\/nowhere.*--data\n$/);
    expect(code).toBe(1);
  });
});
