import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { alert, perform } from '../support/action.ts';
import { eventually } from '../support/eventually.ts';
import { hostile } from '../support/hostile.ts';

const folder = mkdtempSync(join(tmpdir(), 'lanner-program-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const sh = (script: string, ...args: readonly string[]) => ({ argv: ['/bin/sh', '-c', script, 'sh', ...args] });

/** Whether the process is there and no zombie. */
function isAlive(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return false;
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false; // it ended meanwhile
  }
}

async function pidIn(file: string): Promise<number> {
  return eventually('the program to write its pid', () => {
    const pid = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
    return pid > 0 ? pid : undefined;
  });
}

describe('program', () => {
  it('gives the alert on standard input', async () => {
    expect(await perform('program', sh('cat > "$1"', join(folder, 'input')))).toEqual({
      status: 'done',
      detail: '/bin/sh ended with 0',
      outputs: { output: '' },
    });
    expect(JSON.parse(readFileSync(join(folder, 'input'), 'utf8'))).toEqual(JSON.parse(JSON.stringify(alert)));
  });

  it('gives a clean environment and the folder', async () => {
    process.env['LANNER_TEST_LEAK'] = 'leaked';
    const answer = await perform('program', { argv: ['/usr/bin/env'], env: { A: 'b c' } });
    const lines =
      'detail' in answer
        ? answer.detail.split('\n').map((line) => line.replace('/usr/bin/env ended with 0: ', ''))
        : [];
    expect(lines.map((line) => line.split('=')[0]).toSorted()).toEqual(['A', 'LANNER_IDEMPOTENCY_KEY', 'PATH']);
    expect(lines).toContain('LANNER_IDEMPOTENCY_KEY=an-alert/a-playbook/a-step');
    expect(await perform('program', { ...sh('pwd'), cwd: folder })).toMatchObject({
      detail: `/bin/sh ended with 0: ${folder}`,
    });
  });

  it.for([
    { script: 'exit 3', result: { status: 'failed', retry: false, reason: '/bin/sh ended with 3' } },
    {
      script: 'echo busy >&2; exit 75',
      result: { status: 'failed', retry: true, reason: '/bin/sh ended with 75: busy' },
    },
    { script: 'kill -TERM $$', result: { status: 'failed', retry: false, reason: '/bin/sh was ended by SIGTERM' } },
    // It closes its input at once: EPIPE is its own affair.
    { script: 'exec <&-; exit 0', result: { status: 'done', detail: '/bin/sh ended with 0', outputs: { output: '' } } },
  ])('$script: $result.status', async ({ script, result }) => {
    const output = 'x'.repeat(200_000);
    expect(await perform('program', sh(script), { alert: { ...alert, output } })).toEqual(result);
  });

  it('kills the whole process group at the time-out', async () => {
    const file = join(folder, 'child');
    const ended = perform('program', sh('sleep 100 & echo $! > "$1"; wait', file), { timeoutMs: 1_000 });
    const pid = await pidIn(file);
    expect(isAlive(pid)).toBe(true);
    expect(await ended).toEqual({ status: 'timed_out', detail: '/bin/sh was killed: it took too long' });
    await eventually('the child to be gone', () => !isAlive(pid) || undefined, 2_000);
  });

  it('is done when the program is, and ends what it left running', async () => {
    const file = join(folder, 'left');
    const startedMs = performance.now();
    const answer = await perform('program', sh('sleep 100 & echo $! > "$1"; echo said', file), { timeoutMs: 20_000 });
    expect(answer).toEqual({ status: 'done', detail: '/bin/sh ended with 0: said', outputs: { output: 'said' } });
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    const pid = await pidIn(file);
    await eventually('what was left to be gone', () => !isAlive(pid) || undefined, 2_000);
  });

  it('does not wait for a daemon that left the group and holds the output', async () => {
    const file = join(folder, 'daemon');
    const answer = await perform(
      'program',
      sh('setsid sh -c \'echo $$ > "$0"; exec sleep 100\' "$1" & while [ ! -s "$1" ]; do :; done', file),
      {
        timeoutMs: 20_000,
      },
    );
    process.kill(await pidIn(file), 'SIGKILL');
    expect(answer).toEqual({ status: 'done', detail: '/bin/sh ended with 0', outputs: { output: '' } });
  });

  it('kills a program that prints without end, and keeps the last of it', async () => {
    const answer = await perform('program', { argv: ['/usr/bin/yes', 'abc'] });
    expect(answer).toMatchObject({
      status: 'failed',
      retry: false,
      reason: expect.stringContaining('more than 65536 bytes: '),
    });
    expect(JSON.stringify(answer).length).toBeLessThan(1_500);
  });

  it('says why a program does not start', async () => {
    const notExecutable = join(folder, 'script');
    writeFileSync(notExecutable, '#!/bin/sh\n');
    chmodSync(notExecutable, 0o600);
    const answers = await Promise.all([
      perform('program', { argv: ['/nowhere/at-all'] }),
      perform('program', { argv: [notExecutable] }),
      perform('program', { argv: ['/bin/true'], cwd: '/nowhere' }),
      // E2BIG: the kernel takes a few megabytes of arguments and not 16.
      perform('program', { argv: ['/bin/true', ...Array<string>(255).fill('x'.repeat(65_536))] }),
    ]);
    expect(answers).toEqual([
      { status: 'failed', retry: false, reason: expect.stringContaining('ENOENT') },
      { status: 'failed', retry: false, reason: expect.stringContaining('EACCES') },
      { status: 'failed', retry: false, reason: expect.stringContaining('ENOENT') },
      { status: 'failed', retry: false, reason: expect.stringContaining('E2BIG') },
    ]);
  });

  it.for([
    { params: { argv: [] }, reason: 'argv' },
    { params: { argv: [''] }, reason: 'argv.0' },
    { params: { argv: '/bin/true' }, reason: 'argv' },
    { params: { argv: ['/bin/true', 'a\0b'] }, reason: 'argv.1: holds a NUL' },
    { params: { argv: ['/bin/true'], cwd: 'x' }, reason: 'cwd: expected an absolute path' },
    { params: { argv: ['/bin/true'], env: { 'a-b': 'x' } }, reason: 'env.a-b' },
  ])('refuses $params', async ({ params, reason }) => {
    expect(await perform('program', params)).toMatchObject({
      status: 'failed',
      retry: false,
      reason: expect.stringContaining(reason),
    });
  });

  it('runs as another user, in no group of the router', async () => {
    const answer = await perform('program', { ...sh('id -u; id -G'), uid: 65_534, gid: 1_234 });
    expect(answer).toMatchObject({ status: 'done', outputs: { output: '65534\n1234' } });
    expect(await perform('program', { ...sh('id -G'), uid: 65_534 })).toMatchObject({ outputs: { output: '65534' } });
  });

  it('has no more memory and prints no more than it may', async () => {
    const hungry = sh('x=$(head -c 200000000 /dev/zero | tr "\\0" x); echo "$x" | wc -c');
    expect(await perform('program', { ...hungry, memory_mb: 64 })).toMatchObject({ status: 'failed', retry: false });
    expect(await perform('program', { ...sh('echo fine; ulimit -v'), memory_mb: 64 })).toMatchObject({
      status: 'done',
      outputs: { output: 'fine\n65536' },
    });
    expect(await perform('program', { ...sh('head -c 2000 /dev/zero'), output_kb: 1 })).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining('it printed more than 1024 bytes'),
    });
  });

  it('hides secrets in what it prints and in what a dry run says, also where the text is cut', async () => {
    const secrets = ['s3"cret-'.repeat(10)];
    const { argv } = sh('printf "%s\\n" "$1"; printf %460s x', secrets[0] ?? '');
    const answers = [
      await perform('program', { argv }, { secrets }),
      await perform('program', { argv: ['/bin/true', ...secrets] }, { secrets, mode: 'dry-run' }),
    ];
    expect(answers).toMatchObject([{ status: 'done' }, { status: 'skipped', detail: 'would run ["/bin/true","***"]' }]);
    expect(JSON.stringify(answers)).not.toContain('cret');
  });

  it('passes hostile values as one argument each, and executes nothing', async () => {
    const file = join(folder, 'arguments');
    const mark = '/tmp/lanner-was-here';
    rmSync(mark, { force: true });
    await fc.assert(
      fc.asyncProperty(hostile, async (text) => {
        const argv = [...sh('printf "%s\\0" "$@" > "$0"', text, 'last').argv];
        argv[3] = file;
        const answer = await perform('program', { argv, env: { TEXT: text } });
        if (text.includes('\0')) {
          expect(answer).toMatchObject({ status: 'failed', retry: false });
          return;
        }
        expect(answer).toMatchObject({ status: 'done' });
        expect(readFileSync(file, 'utf8').split('\0')).toEqual([text, 'last', '']);
      }),
      { numRuns: 100 },
    );
    expect(existsSync(mark)).toBe(false);
  });
});
