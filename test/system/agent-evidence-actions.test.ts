import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NodeActionName } from '#playbooks/command';
import { makeActions } from '../../agent/respond/actions.ts';
import { docker, image, remove } from '../support/docker.ts';
import { type CommandChanges, commandOf, identityOf, portsOf } from '../support/node-action.ts';

const signal = AbortSignal.timeout(60_000);
const started: string[] = [];
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lanner-evidence-'));
});
afterEach(async () => {
  await Promise.all(started.splice(0).map(remove));
  rmSync(folder, { recursive: true, force: true });
});

const perform = (name: NodeActionName, params: object, changes: CommandChanges = {}) => {
  const action = makeActions(portsOf({ dataFolder: folder })).get(name);
  if (action === undefined) throw new Error(`no action ${name}`);
  return action(commandOf(name, params, changes), signal);
};

async function start(...args: readonly string[]): Promise<string> {
  const id = await docker('run', '-d', '--network', 'none', ...args);
  started.push(id);
  return id;
}

const sha256 = (bytes: string | Buffer) => createHash('sha256').update(bytes).digest('hex');

describe('file.quarantine', () => {
  it('takes a file out of a container, keeps it whole without any right, and records what it was', async () => {
    const container = await start(image, 'sleep', '1000');
    await docker('exec', container, 'sh', '-c', 'echo -n evil > /tmp/dropped; chmod 750 /tmp/dropped');
    const dryRun = await perform('file.quarantine', { path: '/tmp/dropped', container }, { mode: 'dry-run' });
    expect(dryRun).toMatchObject({ outcome: 'skipped' });
    const result = await perform('file.quarantine', { path: '/tmp/dropped', container });
    expect(result).toMatchObject({ outcome: 'done', detail: expect.stringContaining(sha256('evil')) });
    await expect(docker('exec', container, 'ls', '/tmp/dropped')).rejects.toThrow('No such file');
    const [kept = ''] = readdirSync(join(folder, 'quarantine'));
    const place = join(folder, 'quarantine', kept);
    expect(readFileSync(join(place, 'file'), 'utf8')).toBe('evil');
    expect(statSync(join(place, 'file')).mode & 0o7777).toBe(0);
    expect(JSON.parse(readFileSync(join(place, 'record.json'), 'utf8'))).toMatchObject({
      path: '/tmp/dropped',
      container,
      sha256: sha256('evil'),
      size: 4,
      mode: '0750',
      uid: 0,
      gid: 0,
    });
    expect(await perform('file.quarantine', { path: '/tmp/dropped', container })).toMatchObject({ outcome: 'gone' });
  });

  it('takes a file of the host', async () => {
    writeFileSync(join(folder, 'a'), 'x');
    expect(await perform('file.quarantine', { path: join(folder, 'a') })).toMatchObject({ outcome: 'done' });
    expect(existsSync(join(folder, 'a'))).toBe(false);
  });

  it('follows no link that somebody laid, in the middle or at the end', async () => {
    writeFileSync(join(folder, 'precious'), 'x');
    symlinkSync(join(folder, 'precious'), join(folder, 'bait'));
    symlinkSync(folder, join(folder, 'way'));
    for (const path of [join(folder, 'bait'), join(folder, 'way', 'precious'), `${folder}/../x`, folder])
      expect(await perform('file.quarantine', { path })).toMatchObject({ outcome: 'refused' });
    expect(existsSync(join(folder, 'precious'))).toBe(true);
  });

  it('leaves the programs alone of what is left alone', async () => {
    const path = execFileSync('readlink', ['-f', '/usr/sbin/dockerd'], { encoding: 'utf8' }).trim();
    expect(await perform('file.quarantine', { path }, { mode: 'dry-run' })).toMatchObject({
      outcome: 'refused',
      detail: expect.stringContaining('container engine'),
    });
  });
});

/** Every file of the archive by its name. */
function unpack(detail: string): ReadonlyMap<string, string> {
  const path = detail.split(' ')[0] ?? '';
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(detail).toContain(sha256(readFileSync(path)));
  const into = mkdtempSync(join(folder, 'unpacked-'));
  execFileSync('tar', ['--zstd', '-xf', path, '-C', into]);
  const names = execFileSync('find', ['.', '-type', 'f'], { cwd: into, encoding: 'utf8' }).trim().split('\n');
  return new Map(names.map((name) => [name.slice(2), readFileSync(join(into, name), 'utf8')]));
}

describe('evidence.collect', () => {
  it('has all of a container, hashes that are right, and no secrets', async () => {
    const container = await start(
      ...['-e', 'API_TOKEN=hunter2', '-e', 'COLOUR=blue', '--name', 'lanner-evidence', image],
      ...['sh', '-c', 'sleep 1000 & wait', 'sh', '--password=hunter3'],
    );
    const result = await perform('evidence.collect', { container });
    expect(result.outcome).toBe('done');
    const files = unpack(result.detail);
    expect([...files.values()].join()).not.toMatch(/hunter/);
    const processes = [...files]
      .filter(([name]) => /^processes\/\d+\.json$/.test(name))
      .map(([, text]) => JSON.parse(text));
    const argv = processes.map((each) => each.argv.join(' '));
    expect(argv).toContain('sleep 1000');
    const [one] = processes;
    expect(one.environment).toContain('COLOUR=blue');
    expect(one.environment).toContain('API_TOKEN=***');
    expect(one.exe_sha256).toBe(sha256(readFileSync('/bin/busybox')));
    expect(Object.keys(one.descriptors)).toContain('0');
    expect(files.get(`processes/${one.pid}.maps`)).toContain('busybox');
    expect(JSON.parse(files.get('container.json') ?? '')).toMatchObject({ name: 'lanner-evidence' });
    expect([...files.keys()].some((name) => /^networks\/\d+\/tcp$/.test(name))).toBe(true);
    const manifest = JSON.parse(files.get('manifest.json') ?? '');
    expect(manifest.files).toHaveLength(files.size - 1);
    for (const { name, sha256: hash } of manifest.files) expect(sha256(files.get(name) ?? '')).toBe(hash);
  });

  it('has a process of the host with what led to it and what came of it, within its bound', async () => {
    const child = spawn('/bin/sh', ['-c', 'sleep 1000 & wait'], { stdio: 'ignore', detached: true });
    try {
      const identity = identityOf(child.pid ?? 0);
      await new Promise((resolve) => setTimeout(resolve, 200));
      const files = unpack((await perform('evidence.collect', { most_mb: 1 }, { process: identity })).detail);
      for (const pid of [child.pid, process.pid]) expect([...files.keys()]).toContain(`processes/${pid}.json`);
      expect([...files.values()].some((text) => text.includes('"sleep"'))).toBe(true);
      const total = [...files].reduce((sum, [name, text]) => sum + (name === 'manifest.json' ? 0 : text.length), 0);
      expect(total).toBeLessThanOrEqual(1024 * 1024);
    } finally {
      process.kill(-(child.pid ?? 0), 'SIGKILL');
    }
  });
});
