import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../support/free-port.ts';
import type { Loop } from './overhead.ts';

const root = join(import.meta.dirname, '../..');
const loopsSource = join(import.meta.dirname, 'loops.c');

/** A server that a client is timed with: its own CPU time counts as well. */
export type Served = {
  /** What asks it. */
  readonly command: readonly string[];
  cpuNs(): number;
  close(): Promise<void>;
};

const base = { unit: 'µs', target: (baselineNs: number) => baselineNs * 1.05 } as const;

const command = (name: string, words: readonly string[], count: number): Loop => ({
  ...base,
  bench: `overhead-macro.${name}`,
  // The loop's own CPU time is a fork and an exec: what counts is its child's.
  args: () => ['exec', count, ...words],
});

/** What people do all day. */
export const macroLoops: readonly Loop[] = [
  command('tar', ['/bin/tar', '-cf', 'tree.tar', '-C', root, 'agent', 'rules', 'router', 'test'], 4),
  command('gcc', ['/usr/bin/gcc', '-O1', '-c', '-o', '/dev/null', loopsSource], 2),
  command('git-grep', ['/usr/bin/git', '-C', root, 'grep', '-q', '--and', '-e', 'a', '-e', 'zzzzzz'], 4),
  command('find', ['/usr/bin/find', '/usr/share', '-name', 'nothing'], 1),
  {
    ...base,
    bench: 'overhead-macro.npm',
    tries: 2,
    cwd: makeProject,
    args: () => ['exec', 1, '/bin/sh', '-c', `rm -rf node_modules && ${npm} --offline`],
  },
  { ...base, bench: 'overhead-macro.node-wrk', tries: 2, serve: serveHttp, args: () => [], countOf: requestsIn },
  {
    ...base,
    bench: 'overhead-macro.redis',
    tries: 2,
    serve: serveRedis,
    args: () => [],
    countOf: () => 2 * REDIS_REQUESTS,
  },
];

const npm = 'npm ci --ignore-scripts --no-audit --no-fund --loglevel=error';
/** Of many files and none that they depend on. */
const packages = ['zod', 'hono', 'yaml'];

/** A project whose packages lie in npm's cache. */
function makeProject(folder: string): string {
  const project = join(folder, 'npm');
  if (existsSync(project)) return project;
  mkdirSync(project);
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const entries = packages.map((name) => [`node_modules/${name}`, lock.packages[`node_modules/${name}`]] as const);
  const dependencies = Object.fromEntries(entries.map(([path, { version }]) => [path.split('/')[1], version]));
  const own = { name: 'bench', version: '1.0.0', dependencies };
  writeFileSync(join(project, 'package.json'), JSON.stringify(own));
  const all = { '': own, ...Object.fromEntries(entries) };
  writeFileSync(join(project, 'package-lock.json'), JSON.stringify({ ...own, lockfileVersion: 3, packages: all }));
  // Its words are none of ours: figures go to the standard output.
  execFileSync('/bin/sh', ['-c', npm], { cwd: project, stdio: ['ignore', 'ignore', 'inherit'] });
  return project;
}

/** CPU time of all threads of a process. */
function cpuNsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/task`)
    .map((thread) => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]))
    .reduce((sum, ns) => sum + ns, 0);
}

async function serve(words: readonly [string, ...string[]], isReady: RegExp): Promise<Omit<Served, 'command'>> {
  const [program, ...args] = words;
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const { pid } = child;
  if (pid === undefined) throw new Error(`cannot start ${program}`);
  const ready = Promise.withResolvers<void>();
  child.stdout.setEncoding('utf8').on('data', (text: string) => isReady.test(text) && ready.resolve());
  const ended = once(child, 'exit');
  await Promise.race([ready.promise, ended.then(() => Promise.reject(new Error(`${program} ended`)))]);
  return {
    cpuNs: () => cpuNsOf(pid),
    async close() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

const server = `require('node:http').createServer((_, answer) => answer.end('hello')).listen(Number(process.argv[1]),
  '127.0.0.1', () => console.log('ready'))`;

async function serveHttp(): Promise<Served> {
  const port = await freePort();
  const served = await serve([process.execPath, '-e', server, String(port)], /ready/);
  return { ...served, command: ['/usr/bin/wrk', '-t1', '-c16', '-d1s', `http://127.0.0.1:${port}/`] };
}

function requestsIn(said: string): number {
  const found = /(\d+) requests in/.exec(said)?.[1];
  if (found === undefined) throw new Error(`wrk says nothing of its requests:\n${said}`);
  return Number(found);
}

const REDIS_REQUESTS = 50_000;

async function serveRedis(): Promise<Served> {
  const port = await freePort();
  const words = ['/usr/bin/redis-server', '--port', String(port), '--save', '', '--appendonly', 'no'] as const;
  const served = await serve(words, /Ready to accept/);
  const asks = ['-p', String(port), '-n', String(REDIS_REQUESTS), '-c', '16', '-t', 'set,get', '-q'];
  return { ...served, command: ['/usr/bin/redis-benchmark', ...asks] };
}
