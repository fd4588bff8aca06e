import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { type memoryNames, memoryProfiles } from '../../agent/config/memory.ts';
import { heapFlags } from '../../rules/cli/heap.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const rules = fileURLToPath(new URL('../../../shared/conformance/rules/', import.meta.url));
/** What a peer takes until it watches is not told: the longest known is under 2 s. */
const PEER_START_MS = 4_000;
/** The kernel's filter is made after the start, by a thread that takes seconds: until so little of a core is used, or so long. */
const REST_SHARE = 0.1;
const REST_LOOK_MS = 500;
const MOST_REST_MS = 20_000;
/** After the start, until what it started with is done. */
const SETTLE_MS = 300;

/** The four files that Falco publishes. */
const publishedRules: readonly string[] = readdirSync(rules)
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => join(rules, name));

/** What watches while a loop is timed: our agent, or a peer. */
export type Watcher = {
  readonly pid: number;
  /** CPU time so far, of all its threads. Throws when it has ended: what is timed then is nobody's. */
  cpuNs(): number;
  close(): Promise<void>;
};

/** Our agent with the published rules, as it runs without a router. */
export type WatchingAgent = Watcher & {
  counters(): Promise<Counters>;
  said(): string;
  /** Resolves when what it does after its start is done. */
  rested(): Promise<void>;
};

const counters = z.looseObject({
  kind: z.literal('counters'),
  counters: z.looseObject({
    engine: z.looseObject({ events: z.number() }),
    capture: z.looseObject({
      lifecycle: z.number(),
      bulk: z.number(),
      dropped: z.record(z.string(), z.number()),
    }),
  }),
});
export type Counters = {
  readonly lifecycle: number;
  readonly bulk: number;
  readonly dropped: number;
  /** That the agent has handled. */
  readonly handled: number;
};

type AgentSettings = {
  /** Where alerts go; nowhere if left out. */
  readonly stdout?: number;
  readonly environment?: Readonly<Record<string, string>>;
  /** Its memory profile, by a configuration file; without one if left out. */
  readonly memory?: (typeof memoryNames)[number];
  /** One that stays when the agent is closed; its own, which goes, if left out. */
  readonly dataFolder?: string;
};

export async function watchWithAgent({
  stdout,
  environment = {},
  memory,
  dataFolder,
}: AgentSettings = {}): Promise<WatchingAgent> {
  const folder = mkdtempSync(join(tmpdir(), 'lanner-bench-agent-'));
  // As infra/run.sh starts it.
  const words = [
    ...heapFlags(memoryProfiles[memory ?? 'default'].heapMib),
    'lanner.ts',
    'agent',
    '--json',
    '--data',
    dataFolder ?? folder,
    '--rules',
    ...publishedRules,
    ...(memory === undefined ? [] : ['--config', join(folder, 'lanner.yaml')]),
  ];
  if (memory !== undefined) writeFileSync(join(folder, 'lanner.yaml'), `memory: ${memory}\n`);
  const child = spawn(process.execPath, words, {
    cwd: root,
    env: {
      ...process.env,
      NODE_COMPILE_CACHE: join(root, '.build/compile-cache'),
      MALLOC_ARENA_MAX: '1',
      ...environment,
    },
    stdio: ['ignore', stdout ?? 'ignore', 'pipe', 'ipc'],
  });
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = `${said}${text}`.slice(-10_000);
  });
  const { pid } = child;
  if (pid === undefined) throw new Error('cannot start the agent');
  try {
    await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(() => Promise.reject(new Error(`the agent ended:\n${said}`))),
    ]);
  } catch (cause) {
    rmSync(folder, { recursive: true, force: true });
    throw cause;
  }
  return {
    pid,
    said: () => said,
    cpuNs: () => cpuNsOf(pid),
    async counters() {
      child.send({ kind: 'counters' });
      const [message] = await once(child, 'message');
      const { capture, engine } = counters.parse(message).counters;
      const { lifecycle, bulk, dropped } = capture;
      const sum = Object.values(dropped).reduce((one, other) => one + other, 0);
      return { lifecycle, bulk, dropped: sum, handled: engine.events };
    },
    async rested() {
      for (let waitedMs = 0; waitedMs < MOST_REST_MS; waitedMs += REST_LOOK_MS) {
        const beforeNs = cpuNsOf(pid);
        await delay(REST_LOOK_MS);
        if ((cpuNsOf(pid) - beforeNs) / 1e6 < REST_SHARE * REST_LOOK_MS) return;
      }
    },
    async close() {
      await end(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** CPU time of all threads of a process: schedstat counts nanoseconds. */
export function cpuNsOf(pid: number): number {
  let sum = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    sum += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0]);
  }
  return sum;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

/** One of the things that are compared, each round in turn. */
export type Variant = { readonly name: string; start(): Promise<Watcher> };

const nobody: Watcher = { pid: 0, cpuNs: () => 0, close: async () => undefined };

/**
 * Without anything, our agent, and each peer that the environment names: LANNER_BENCH_FALCO and LANNER_BENCH_TETRAGON are
 * command lines, words separated by spaces.
 */
export function variants(environment = process.env): readonly Variant[] {
  const peers = ['falco', 'tetragon'].flatMap((name) => {
    const command = environment[`LANNER_BENCH_${name.toUpperCase()}`];
    return command === undefined ? [] : [{ name, start: () => startPeer(command) }];
  });
  const agent = async () => {
    const watching = await watchWithAgent();
    await watching.rested();
    await delay(SETTLE_MS);
    return watching;
  };
  return [{ name: 'none', start: async () => nobody }, { name: 'lanner', start: agent }, ...peers];
}

async function startPeer(command: string): Promise<Watcher> {
  const [program = '', ...words] = command.split(/\s+/);
  const child = spawn(program, words, { stdio: 'ignore' });
  await once(child, 'spawn');
  await Promise.race([delay(PEER_START_MS), once(child, 'exit')]);
  const { pid = 0 } = child;
  const cpuNs = () => {
    const outcome = child.exitCode ?? child.signalCode;
    if (outcome !== null) throw new Error(`${command} ended with ${outcome}`);
    return cpuNsOf(pid);
  };
  cpuNs();
  return { pid, cpuNs, close: () => end(child) };
}
