import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { GitSettings } from '../config/git-settings.ts';

/** What a repository may cost: a hostile one has blobs of a gigabyte, and never stops sending. */
const MOST_FILE_BYTES = 256 * 1024 * 1024;
const MOST_OUTPUT_BYTES = 32 * 1024 * 1024;
const MOST_MS = 60_000;
const MOST_WORDS = 2_000;

export type GitAnswer =
  | { readonly ok: true; readonly stdout: Buffer }
  /** `code`: of git; `undefined` when it was ended by us. */
  | { readonly ok: false; readonly code: number | undefined; readonly reason: string };

export type Git = (args: readonly string[], input?: string) => Promise<GitAnswer>;

/**
 * Runs git on the bare repository in `folder`. It sees nothing of this machine's configuration, runs no hook, no pager and
 * no filter, asks nobody for a password, follows no redirect, and speaks https, ssh and file only. Credentials go through
 * the environment, which no other user can read; never through arguments.
 */
export function makeGit(folder: string, settings: GitSettings, signal: AbortSignal): Git {
  return (args, input = '') =>
    new Promise((resolve) => {
      let environment: NodeJS.ProcessEnv;
      try {
        environment = environmentOf(settings);
      } catch (error) {
        return resolve({ ok: false, code: undefined, reason: error instanceof Error ? error.message : String(error) });
      }
      const limits = [`--fsize=${MOST_FILE_BYTES}`, '--core=0'];
      const child = spawn('prlimit', [...limits, 'git', '--git-dir', folder, ...args], {
        cwd: '/',
        env: environment,
        stdio: 'pipe',
        // ssh and git-remote-https end with it.
        detached: true,
      });
      const chunks: Buffer[] = [];
      let size = 0;
      let said = '';
      let ended: string | undefined;
      const end = (why: string): void => {
        ended ??= why;
        if (child.pid === undefined) return;
        try {
          process.kill(-child.pid, 'SIGKILL');
        } catch {
          // It has ended.
        }
      };
      const late = setTimeout(() => end(`git took more than ${MOST_MS / 1_000} s`), MOST_MS);
      const stop = (): void => end('the router stops');
      signal.addEventListener('abort', stop, { once: true });
      child.stdout.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > MOST_OUTPUT_BYTES) end('more than a rule repository holds');
        else chunks.push(chunk);
      });
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        said = (said + text).slice(-MOST_WORDS);
      });
      child.stdin.on('error', () => undefined); // It ended before it had read everything; its code says how.
      child.stdin.end(input);
      const settle = (code: number | null, reason: string): void => {
        clearTimeout(late);
        signal.removeEventListener('abort', stop);
        if (code === 0 && ended === undefined) resolve({ ok: true, stdout: Buffer.concat(chunks) });
        else
          resolve({ ok: false, code: ended === undefined ? (code ?? undefined) : undefined, reason: ended ?? reason });
      };
      child.once('error', (error) => settle(null, `git cannot be run: ${error.message}`));
      child.once('close', (code, name) => settle(code, lastLines(said) || `git ended with ${name ?? code}`));
    });
}

/** What git complains about; progress and hints are left out. */
function lastLines(text: string): string {
  const lines = text
    .split(/[\r\n]+/)
    .filter((line) => /^(fatal|error|remote|ssh|ERROR)|denied|refused|verif/.test(line));
  return lines.slice(-3).join('; ').slice(0, 500);
}

/** Throws when a file of credentials cannot be read. */
function environmentOf({ auth, ca_file: ca, verify }: GitSettings): NodeJS.ProcessEnv {
  const config: (readonly [string, string])[] = [
    ['core.hooksPath', '/dev/null'],
    ['core.bigFileThreshold', '1m'],
    ['fetch.fsckObjects', 'true'],
    ['http.followRedirects', 'false'],
    ['http.lowSpeedLimit', '1000'],
    ['http.lowSpeedTime', '20'],
    ['gc.auto', '0'],
    ['credential.helper', ''],
    ['gpg.format', 'ssh'],
    // Only SSH signatures count: these would look into the keyrings of this machine.
    ['gpg.program', '/bin/false'],
    ['gpg.x509.program', '/bin/false'],
  ];
  if (ca !== undefined) config.push(['http.sslCAInfo', ca]);
  if (verify !== undefined) config.push(['gpg.ssh.allowedSignersFile', verify.allowed_signers]);
  let ssh = 'ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=10';
  if (auth !== undefined && 'username' in auth) {
    const password = readFileSync(auth.password_file, 'utf8').trim();
    const basic = Buffer.from(`${auth.username}:${password}`).toString('base64');
    config.push(['http.extraHeader', `Authorization: Basic ${basic}`]);
  } else if (auth !== undefined) {
    ssh += ` -o IdentitiesOnly=yes -i ${quoted(auth.ssh_key_file)} -o UserKnownHostsFile=${quoted(auth.known_hosts_file)}`;
  }
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/nonexistent',
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '/bin/false',
    SSH_ASKPASS: '/bin/false',
    GIT_ALLOW_PROTOCOL: 'https:ssh:file',
    GIT_SSH_COMMAND: ssh,
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_CONFIG_COUNT: String(config.length),
    ...Object.fromEntries(
      config.flatMap(([key, value], at) => [
        [`GIT_CONFIG_KEY_${at}`, key],
        [`GIT_CONFIG_VALUE_${at}`, value],
      ]),
    ),
  };
}

/** For the shell that git gives GIT_SSH_COMMAND to. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
