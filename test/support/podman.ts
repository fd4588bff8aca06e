import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { docker, image } from './docker.ts';
import { eventually } from './eventually.ts';

const exec = promisify(execFile);
/** Limits are those that this machine allows; crun refuses a hybrid tree of cgroups. */
const engine = ['--runtime', 'runc', '--cgroup-manager=cgroupfs'] as const;
const limits = ['--ulimit', 'nofile=1024:4096', '--ulimit', 'nproc=4096:4096', '--network', 'none'] as const;

/** podman with a service at a socket of its own. */
export type Podman = {
  readonly socket: string;
  /** Starts a container of the test image; gives its id. */
  run(...command: readonly string[]): Promise<string>;
  /** The same with options and an image of one's own. */
  runWith(...words: readonly string[]): Promise<string>;
  podman(...args: readonly string[]): Promise<string>;
  close(): Promise<void>;
};

export async function startPodman(): Promise<Podman> {
  const folder = mkdtempSync(join(tmpdir(), 'lanner-podman-'));
  const podman = async (...args: readonly string[]) =>
    (await exec('podman', [...engine, ...args], { encoding: 'utf8', timeout: 60_000 })).stdout.trim();
  const saved = join(folder, 'image.tar');
  await docker('save', '-o', saved, image);
  await podman('load', '-i', saved);
  const named = (await podman('images', '--format', '{{.Repository}}:{{.Tag}}'))
    .split('\n')
    .find((each) => each.endsWith(image));
  if (named === undefined) throw new Error('podman has not loaded the image');
  const socket = join(folder, 'podman.sock');
  const service = spawn('podman', [...engine, 'system', 'service', '-t', '0', `unix://${socket}`], { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => service.once('exit', () => resolve()));
  const ids: string[] = [];
  const close = async () => {
    for (const id of ids.splice(0)) await podman('rm', '-f', '-t', '0', id).catch(() => undefined);
    service.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  await eventually('podman to answer', () => existsSync(socket) || undefined, 30_000);
  const runWith = async (...words: readonly string[]) => {
    const id = await podman('run', '-d', ...limits, ...words);
    ids.push(id);
    return id;
  };
  return { socket, podman, close, runWith, run: (...command) => runWith(named, ...command) };
}
