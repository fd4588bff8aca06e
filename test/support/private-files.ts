import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** An ordinary user, whom only processes in these surroundings know. */
export const tester = { name: 'lanner-tester', uid: 42_123, firstSubordinate: 200_000 } as const;

/** A mount namespace in which the user exists, and where /run/user and Docker's folder are empty ones of its own. */
export type PrivateFiles = {
  /** Words before a command that runs it there, in this working folder and as root. */
  within(cwd: string): readonly string[];
  /** The same as the user. */
  readonly asUser: readonly string[];
  /** A file as it is seen there. */
  path(file: string): string;
  close(): Promise<void>;
};

/** Nothing of it is seen outside, and all of it ends with its one process. `folder` is the test's. */
export async function startPrivateFiles(folder: string): Promise<PrivateFiles> {
  const { name, uid, firstSubordinate } = tester;
  const home = join(folder, 'home');
  mkdirSync(home);
  const files = ['passwd', 'group', 'subuid', 'subgid'];
  for (const file of files) {
    const copy = join(folder, file);
    if (existsSync(`/etc/${file}`)) copyFileSync(`/etc/${file}`, copy);
    else writeFileSync(copy, '');
  }
  appendFileSync(join(folder, 'passwd'), `${name}:x:${uid}:${uid}::${home}:/bin/sh\n`);
  appendFileSync(join(folder, 'group'), `${name}:x:${uid}:\n`);
  for (const file of ['subuid', 'subgid']) writeFileSync(join(folder, file), `${name}:${firstSubordinate}:65536\n`);
  const lines = [
    // Debian has both files; where they are missing, nothing is lost with empty ones.
    'touch -a /etc/subuid /etc/subgid',
    ...files.map((file) => `mount --bind ${folder}/${file} /etc/${file}`),
    'mkdir -p /run/user',
    'mount -t tmpfs none /run/user',
    'mount -t tmpfs none /var/lib/docker',
    `mkdir -m 700 /run/user/${uid}`,
    `chown ${uid}:${uid} /run/user/${uid} ${home}`,
    'echo ready',
    'exec sleep 600',
  ];
  const holder = spawn('unshare', ['-m', '--propagation', 'private', 'sh', '-euc', lines.join('\n')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(holder, 'exit');
  const ready = once(holder.stdout, 'data');
  await Promise.race([ready, ended.then(() => Promise.reject(new Error('there are no private files')))]);
  const enter = ['nsenter', '-t', String(holder.pid), '-m'];
  const environment = [`PATH=${process.env['PATH']}`, `HOME=${home}`, `XDG_RUNTIME_DIR=/run/user/${uid}`];
  const drop = ['setpriv', '--reuid', String(uid), '--regid', String(uid), '--init-groups'];
  return {
    within: (cwd) => [...enter, `--wd=${cwd}`],
    asUser: [...enter, `--wd=${home}`, 'env', '-i', ...environment, ...drop],
    path: (file) => `/proc/${holder.pid}/root${file}`,
    async close() {
      holder.kill('SIGKILL');
      await ended;
    },
  };
}

/** A number in a file, such as a pid. */
export const numberIn = (path: string): number => Number(readFileSync(path, 'utf8'));
