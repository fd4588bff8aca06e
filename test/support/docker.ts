import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as z from 'zod';
import { eventually } from './eventually.ts';

const run = promisify(execFile);

/** Busybox as its only program, made from the Debian package busybox-static: nothing is pulled from a registry. */
export const image = 'lanner-busybox:1';
const applets = [
  'sh',
  'ash',
  'cat',
  'chmod',
  'cp',
  'echo',
  'id',
  'ln',
  'ls',
  'mkdir',
  'mount',
  'mv',
  'nc',
  'ps',
  'rm',
  'sleep',
  'touch',
  'true',
  'unlink',
  'vi',
  'wget',
];

/** Runs the docker command and gives what it printed; fails with what it said on standard error. */
export async function docker(...args: readonly string[]): Promise<string> {
  const { stdout } = await run('docker', [...args], { encoding: 'utf8', timeout: 60_000 });
  return stdout.trim();
}

async function isRunning(): Promise<boolean> {
  return docker('version', '--format', '{{.Server.Version}}').then(
    () => true,
    () => false,
  );
}

/** An engine that was there before is left running; one that was started here is stopped. Both may be called twice. */
export type Engine = { close(): Promise<void> };

/** Makes sure that a Docker engine runs and has the image; fails with the engine's own words if it does not start. */
export async function openEngine(): Promise<Engine> {
  const engine = (await isRunning()) ? { close: async () => undefined } : await startEngine();
  try {
    await importImage();
  } catch (error) {
    await engine.close();
    throw error;
  }
  return engine;
}

async function startEngine(): Promise<Engine> {
  const folder = mkdtempSync(join(tmpdir(), 'lanner-dockerd-'));
  const logPath = join(folder, 'dockerd.log');
  const log = openSync(logPath, 'w');
  const daemon = spawn('dockerd', [], { stdio: ['ignore', log, log], detached: true });
  const ended = new Promise<void>((resolve) => {
    daemon.once('exit', () => resolve());
    daemon.once('error', () => resolve());
  });
  const said = () => readFileSync(logPath, 'utf8').split('\n').slice(-8).join('\n');
  const close = async () => {
    daemon.kill('SIGTERM');
    await Promise.race([ended, hardStop(daemon)]);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await eventually(
      'dockerd to answer',
      async () => {
        if (daemon.exitCode !== null || daemon.pid === undefined) throw new Error('dockerd ended');
        return (await isRunning()) || undefined;
      },
      30_000,
    );
  } catch (cause) {
    const reason = `no Docker engine runs and dockerd does not start:\n${said()}`;
    await close();
    throw new Error(reason, { cause });
  }
  return { close };
}

async function hardStop(daemon: ChildProcess): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 15_000).unref());
  daemon.kill('SIGKILL');
}

async function importImage(): Promise<void> {
  if ((await docker('images', '-q', image)) !== '') return;
  const tree = mkdtempSync(join(tmpdir(), 'lanner-image-'));
  try {
    for (const folder of ['bin', 'dev', 'etc', 'proc', 'root', 'sys', 'tmp', 'var']) mkdirSync(join(tree, folder));
    copyFileSync('/bin/busybox', join(tree, 'bin/busybox'));
    chmodSync(join(tree, 'bin/busybox'), 0o755);
    for (const applet of applets) symlinkSync('busybox', join(tree, 'bin', applet));
    const archive = `${tree}.tar`;
    await run('tar', ['-C', tree, '-cf', archive, '.']);
    await docker('import', archive, image);
    rmSync(archive);
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
}

/** What the engine says of a container; the part that tests assert on. */
export type ContainerState = { readonly status: string; readonly exitCode: number; readonly pid: number };

export async function inspect(container: string): Promise<ContainerState> {
  const [status = '', exitCode = '', pid = ''] = (
    await docker('inspect', '--format', '{{.State.Status}} {{.State.ExitCode}} {{.State.Pid}}', container)
  ).split(' ');
  return { status, exitCode: Number(exitCode), pid: Number(pid) };
}

export type BriefContainer = {
  readonly name: string;
  readonly binds: readonly string[];
  readonly command: readonly string[];
};

/**
 * Starts a container without a network that is removed at its end, through the API: half of what `docker run` costs is the command
 * itself.
 */
export async function runBriefly({ name, binds, command }: BriefContainer): Promise<void> {
  const host = { NetworkMode: 'none', Binds: binds, AutoRemove: true, LogConfig: { Type: 'none' } };
  const made = await post(`/containers/create?name=${name}`, { Image: image, Cmd: command, HostConfig: host });
  await post(`/containers/${createdSchema.parse(JSON.parse(made)).Id}/start`);
}

const createdSchema = z.object({ Id: z.string() });

function post(path: string, body: unknown = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { host: 'localhost', 'content-type': 'application/json' };
    const asked = request({ socketPath: '/var/run/docker.sock', method: 'POST', path, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('error', reject);
      response.on('end', () =>
        (response.statusCode ?? 0) < 300 ? resolve(text) : reject(new Error(`${path}: ${response.statusCode} ${text}`)),
      );
    });
    asked.on('error', reject);
    asked.end(JSON.stringify(body));
  });
}

/** Removes the container, running or not; one that is gone already is fine. */
export async function remove(container: string): Promise<void> {
  await docker('rm', '-f', container).catch((error: unknown) => {
    if (!String(error).includes('No such container')) throw error;
  });
}
