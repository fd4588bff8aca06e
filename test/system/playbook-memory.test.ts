import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadPlaybooks } from '../../playbooks/language/load.ts';
import type { Playbook } from '../../playbooks/language/playbook.ts';
import type { Run } from '../../playbooks/language/run.ts';
import { actionCatalogue } from '../../router/actions/all.ts';
import { connect, whenReady } from '../../router/redis/connection.ts';
import { type EmbeddedRedis, startEmbedded } from '../../router/redis/embedded.ts';
import { makeAuditLog } from '../../router/store/audit.ts';
import { verifyLines } from '../../router/store/audit-chain.ts';
import { type Candidate, makeGates } from '../../router/store/gates.ts';
import { alertSchema } from '../../rules/alert.ts';
import { eventually } from '../support/eventually.ts';
import { helloOf, openNodeEnd } from '../support/node-end.ts';
import { makePlace, type Place, type RouterProcess, startRouterAt } from '../support/router.ts';

const root = new URL('../..', import.meta.url).pathname;
const run = promisify(execFile);

function playbookOf(head: string): Playbook {
  const text = `playbook: p\n${head}\nsteps: [{ id: a, uses: log, with: { file: /tmp/x } }]\n`;
  const { playbooks, errors } = loadPlaybooks([{ path: 'p.yaml', text }], actionCatalogue);
  const [playbook] = playbooks;
  if (playbook === undefined) throw new Error(errors.map(({ message }) => message).join());
  return playbook;
}

describe('replicas over one Redis', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lanner-gates-'));
  let redis: EmbeddedRedis;
  const open: { disconnect(): void }[] = [];

  beforeAll(async () => {
    const started = await startEmbedded(folder, () => undefined);
    if (!started.ok) throw new Error(started.reason);
    redis = started.redis;
  });
  afterAll(async () => {
    for (const connection of open) connection.disconnect();
    await redis.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function connection() {
    const made = connect({ kind: 'socket', path: redis.socket }, 'request', () => undefined);
    open.push(made);
    await whenReady(made, 5_000);
    return made;
  }

  const clock = { nowMs: Date.UTC(2026, 0, 5) };
  const replica = async () => makeGates(await connection(), () => clock.nowMs);
  let count = 0;
  const candidate = (container = 'x'): Candidate => {
    const alertId = `a${++count}`;
    const alert = alertSchema.parse({
      time: new Date(clock.nowMs).toISOString(),
      rule: 'r',
      priority: 'Error',
      output_fields: { 'container.id': container },
    });
    return { runId: `r${alertId}`, scope: { alert, alertId, steps: new Map() } };
  };

  it('count together: of 300 alerts every third starts a run, whichever takes it', async () => {
    const playbook = playbookOf('on: { rules: [r], count: 3, within: 1h }');
    const replicas = await Promise.all([replica(), replica(), replica()]);
    const batches = Array.from({ length: 60 }, () => Array.from({ length: 5 }, () => candidate()));
    const decided = await Promise.all(
      batches.map((batch, index) => replicas[index % 3]?.decide(playbook, 'enforce', batch)),
    );
    const starts = decided.flat().filter((one) => one?.decision.kind === 'start');
    expect(starts).toHaveLength(100);
  });

  it('answer the same when an alert is repeated, and count it once', async () => {
    const playbook = { ...playbookOf('on: { rules: [r], count: 2, within: 1h }'), name: 'repeats' };
    const [one, two] = [await replica(), await replica()];
    const [first, second] = [candidate(), candidate()];
    const answers = [];
    for (const [gates, which] of [
      [one, first],
      [two, first],
      [one, second],
      [two, second],
      [one, first],
    ] as const)
      answers.push((await gates.decide(playbook, 'enforce', [which])).map(({ decision }) => decision.kind).join());
    expect(answers).toEqual(['held', 'held', 'start', 'start', 'held']);
  });

  it('write one summary of a window, with all that either held back', async () => {
    const playbook = { ...playbookOf('on: { rules: [r] }\ndedupe: { by: [container.id], for: 10s }'), name: 'window' };
    const replicas = [await replica(), await replica()];
    const decided = (
      await Promise.all(
        Array.from({ length: 20 }, (_, index) => replicas[index % 2]?.decide(playbook, 'enforce', [candidate()])),
      )
    ).flat();
    const windows = decided.flatMap((one) => one?.window ?? []);
    expect(decided.filter((one) => one?.decision.kind === 'start')).toHaveLength(1);
    expect(windows).toHaveLength(1);
    const [window] = windows;
    if (window === undefined) return;
    clock.nowMs += 10_000;
    const close = (gates = replicas[0], runId = 'summary') => gates?.closeWindow('window', 'enforce', window, runId);
    // The worker dies after it was told, and another asks again.
    expect([await close(), await close(replicas[1]), await close(replicas[1], 'another')]).toEqual([19, 19, 0]);
  });

  it('stop together before one container more is touched', async () => {
    const playbook = {
      ...playbookOf('on: { rules: [r] }\nlimits: { blast_radius: { containers: 5, per: 1h } }'),
      name: 'blast',
    };
    const replicas = [await replica(), await replica()];
    const decide = (index: number) =>
      replicas[index % 2]?.decide(playbook, 'enforce', [candidate(`container-${index}`)]);
    const decided = (await Promise.all(Array.from({ length: 30 }, (_, index) => decide(index)))).flat();
    expect(decided.filter((one) => one?.decision.kind === 'start')).toHaveLength(5);
    expect(decided.filter((one) => one?.decision.kind === 'held' && one.decision.stops)).toHaveLength(1);
    expect(await replicas[0]?.stopped('blast', 'enforce')).toMatchObject({
      reason: expect.stringContaining('5 containers'),
    });
    // A dry run of the same playbook has a memory of its own.
    expect(await replicas[0]?.stopped('blast', 'dry-run')).toBeUndefined();
    expect([await replicas[1]?.resume('blast', 'enforce'), await replicas[1]?.resume('blast', 'enforce')]).toEqual([
      true,
      false,
    ]);
    expect((await decide(1))?.[0]?.decision.kind).toBe('start');
  });

  it('write one audit log that nothing is missing from', async () => {
    const logs = await Promise.all([1, 2, 3].map(async () => makeAuditLog(await connection(), () => clock.nowMs)));
    await Promise.all(Array.from({ length: 900 }, (_, index) => logs[index % 3]?.append({ kind: 'decision', index })));
    const [log] = logs;
    const lines = (await log?.read(0, 10_000)) ?? [];
    expect(verifyLines(lines)).toEqual({ ok: true, first: 1, entries: 900, head: await log?.head() });
    expect(new Set(lines.map((line) => JSON.parse(line).index)).size).toBe(900);
  });
});

describe('undo_after', () => {
  it('undoes in its time, by a router that was not there when it was done', async () => {
    const place = await makePlace();
    const container = 'ab'.repeat(32);
    const book = join(place.dataFolder, 'pause.yaml');
    const step = `{ id: pause, uses: container.pause, with: { container: ${container} }, undo_after: 8s }`;
    writeFileSync(book, `playbook: pause\non: { rules: [Shell] }\nsteps: [${step}]\n`);
    const start = () => startRouterAt(place, ['--enforce', '--playbooks', book]);
    const connectNode = async () => {
      const node = await openNodeEnd(place);
      node.say({ ...helloOf('one'), actions: ['container.pause', 'container.unpause'] });
      return node;
    };
    let router = await start();
    const ends = [await connectNode()];
    try {
      const id = '0190a0a0-0000-7000-8000-0000000000aa';
      const lanner = { version: 1, id, node: 'one', container: { id: container } };
      await place.post({ time: new Date().toISOString(), rule: 'Shell', priority: 'Notice', lanner });
      const paused = await eventually('the pause', () => ends[0]?.commands[0], 15_000);
      const doneMs = Date.now();
      ends[0]?.answer(paused, 'done', 'paused');
      const ofRun = async () => {
        const { runs } = (await (await place.get('/api/runs')).json()) as { readonly runs: readonly Run[] };
        return runs[0];
      };
      // Over for people, with the undoing still ahead.
      const ended = await eventually('the run to end', async () => {
        const found = await ofRun();
        return found?.state === 'done' ? found : undefined;
      });
      expect(ended.steps).toMatchObject([
        { id: 'pause', state: 'done' },
        { id: 'pause/undo', uses: 'container.unpause', state: 'waiting' },
      ]);
      await router.end('SIGKILL');
      // Not even the playbook is there any more.
      writeFileSync(
        book,
        'playbook: other\non: { rules: [None] }\nsteps: [{ id: a, uses: log, with: { file: /tmp/x } }]\n',
      );
      router = await start();
      const node = await connectNode();
      ends.push(node);
      const undone = await eventually('the undoing', () => node.commands[0], 30_000);
      expect(Date.now() - doneMs).toBeGreaterThanOrEqual(7_900);
      expect(undone).toMatchObject({
        id: `${id}/pause/pause/undo/${container}`,
        action: 'container.unpause',
        params: { container },
      });
      node.answer(undone, 'done', 'goes on');
      await eventually('the journal to have it', async () =>
        (await ofRun())?.steps[1]?.state === 'done' ? true : undefined,
      );
    } finally {
      await Promise.all(ends.map((end) => end.close()));
      await router.end();
      place.remove();
    }
  }, 90_000);
});

describe('a router that is killed in the middle', () => {
  let place: Place;
  let router: RouterProcess;
  const book = () => join(place.dataFolder, 'books.yaml');
  const written = () => join(place.dataFolder, 'written.jsonl');
  const start = async (): Promise<void> => {
    router = await startRouterAt(place, ['--playbooks', book(), '--enforce']);
  };

  beforeAll(async () => {
    place = await makePlace();
    const record = 'record: { kind: "%trigger.kind", count: "%trigger.count", rule: "%alert.rule" }';
    const steps = `steps: [{ id: a, uses: log, with: { file: ${written()}, ${record} } }]`;
    const books = [
      'playbook: counts\non: { rules: [counted], count: 3, within: 1h }',
      'playbook: chains\non: { sequence: [proc.name = a, proc.name = b, proc.name = c], within: 1h }',
      'playbook: dedupes\non: { rules: [many] }\ndedupe: { by: [proc.name], for: 6s }',
      'playbook: stops\non: { rules: [wide] }\nlimits: { blast_radius: { containers: 1, per: 1h } }',
      'playbook: tells\non: { rules: ["Lanner internal: playbook stopped"] }',
    ];
    writeFileSync(book(), books.map((text) => `${text}\n${steps}\n`).join('---\n'));
    await start();
  }, 60_000);
  afterAll(async () => {
    await router.end();
    place.remove();
  });

  let alerts = 0;
  async function post(rule: string, fields: Readonly<Record<string, string>> = {}): Promise<unknown> {
    const time = new Date(Date.now() - 10_000 + ++alerts).toISOString();
    const answer = await place.post({ time, rule, priority: 'Error', output: `${alerts}`, output_fields: fields });
    return answer.json();
  }
  async function runsOf(playbook: string): Promise<readonly Run[]> {
    const { runs } = (await (await place.get('/api/runs?limit=100')).json()) as { readonly runs: readonly Run[] };
    return runs.filter((one) => one.playbook === playbook && one.state === 'done');
  }
  const cli = async (...args: readonly string[]) => {
    const words = ['lanner.ts', ...args, '--router', place.url, '--data', place.dataFolder];
    const { stdout } = await run(process.execPath, words, { cwd: root });
    return stdout;
  };

  it('goes on with counts, chains, windows and stops where it was', async () => {
    await post('counted');
    await post('counted');
    await post('first', { 'proc.name': 'a' });
    await post('second', { 'proc.name': 'b' });
    for (let times = 0; times < 4; times++) await post('many', { 'proc.name': 'x' });
    await post('wide', { 'container.id': 'one' });
    await post('wide', { 'container.id': 'two' });
    await router.end('SIGKILL');
    await start();

    await post('counted');
    await post('third', { 'proc.name': 'c' });
    await post('wide', { 'container.id': 'one' });
    const [counted] = await eventually('the count to be full', async () =>
      (await runsOf('counts'))[0] ? runsOf('counts') : undefined,
    );
    expect(counted).toMatchObject({ trigger: { kind: 'count', count: 3 }, guards: [{ guard: 'count' }] });
    const [chained] = await eventually('the chain to be whole', async () =>
      (await runsOf('chains'))[0] ? runsOf('chains') : undefined,
    );
    expect(chained).toMatchObject({ trigger: { kind: 'sequence', count: 3 } });
    const both = await eventually(
      'the summary',
      async () => {
        const runs = await runsOf('dedupes');
        return runs.length > 1 ? runs : undefined;
      },
      20_000,
    );
    expect(both.map(({ trigger }) => [trigger?.kind, trigger?.count])).toEqual([
      ['summary', 3],
      ['alert', 1],
    ]);
    // The second container stopped it, and told another playbook.
    expect(await runsOf('stops')).toHaveLength(1);
    await eventually('the stop to be told', async () => (await runsOf('tells'))[0]);
    const { playbooks } = (await (await place.get('/api/playbooks')).json()) as {
      readonly playbooks: readonly { readonly name: string; readonly stopped: unknown }[];
    };
    expect(playbooks.find(({ name }) => name === 'stops')?.stopped).toMatchObject({
      reason: expect.stringContaining('two'),
    });
    const lines = readFileSync(written(), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).record);
    expect(lines).toContainEqual({ kind: 'summary', count: 3, rule: 'many' });
  }, 60_000);

  it('lets a stopped playbook go on when a person says so', async () => {
    expect(await cli('playbooks', 'resume', 'stops', '--reason', 'looked')).toBe('stops goes on\n');
    expect(await cli('playbooks', 'resume', 'stops')).toBe('stops had not stopped\n');
    await post('wide', { 'container.id': 'two' });
    await eventually('another run', async () => ((await runsOf('stops')).length === 2 ? true : undefined));
    await expect(cli('playbooks', 'resume', 'nothing')).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('there is no playbook nothing'),
    });
  }, 30_000);

  it('says what a playbook would do, by what it remembers, and remembers nothing of it', async () => {
    const file = join(place.dataFolder, 'alert.json');
    const would = async (rule: string, playbook: string, fields: object) => {
      const alert = { time: new Date().toISOString(), rule, priority: 'Error', output_fields: fields };
      writeFileSync(file, JSON.stringify(alert));
      return cli('playbooks', 'run', playbook, '--alert', file, '--dry-run').catch(({ stdout }) => stdout);
    };
    const before = readFileSync(written(), 'utf8');
    for (let times = 0; times < 3; times++)
      expect(await would('counted', 'counts', {})).toMatch(
        /^count holds it back \(1 of 3 within 3600 s\); if it did not:\n {2}a \(log\) skipped: would write a line to /,
      );
    expect(await would('wide', 'stops', { 'container.id': 'two' })).toMatch(
      /^it would start; blast_radius: 1 of 1 containers\n/,
    );
    expect(await would('wide', 'stops', { 'container.id': 'three' })).toMatch(/^blast_radius holds it back/);
    expect(await would('wide', 'stops', { 'container.id': 'two' })).toMatch(/^it would start/);
    expect(await would('other', 'stops', {})).toMatch(/^the alert does not match the playbook; if it did:/);
    expect(readFileSync(written(), 'utf8')).toBe(before);
  }, 60_000);

  it('has an audit log of all of it, unbroken by the kill', async () => {
    const copy = join(place.dataFolder, 'audit.jsonl');
    const said = await cli('audit', 'verify', '--save', copy);
    expect(said).toMatch(/^\d+ entries, unbroken up to \d+:[0-9a-f]{64}\n$/);
    const entries = readFileSync(copy, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const kinds = new Set(entries.map(({ kind, decision }) => `${kind} ${decision ?? ''}`.trim()));
    expect(kinds).toEqual(
      new Set([
        'decision start',
        'decision held',
        'playbook_stopped held',
        'playbook_resumed',
        'action_begun',
        'action_ended',
      ]),
    );
    expect(entries.filter(({ kind, uses }) => kind === 'action_ended' && uses === 'log').length).toBeGreaterThan(5);
    const [, head = ''] = /up to (\S+)/.exec(said) ?? [];
    expect(await cli('audit', 'verify', copy, '--head', head)).toBe(said);
    writeFileSync(copy, readFileSync(copy, 'utf8').replace('"stops"', '"other"'));
    await expect(cli('audit', 'verify', copy)).rejects.toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^broken at line \d+: it was changed/),
    });
  }, 30_000);
});
