import { setTimeout as sleep } from 'node:timers/promises';
import { nodeActionParams } from '#playbooks/command';
import type { ActionPorts, ActionResult, NodeAction } from './action.ts';
import { readStat } from './process.ts';
import { findProcess, inScope, refuseTargets, type Scope } from './process-target.ts';
import { type HeldProcess, hold, type ProcessIdentity } from './signal.ts';
import { withParams } from './with-params.ts';

/** A crowd that forks faster than it can be stopped is given up after so many looks. */
const MOST_PASSES = 50;
const MOST_PROCESSES = 20_000;

/**
 * `process.kill`: SIGKILL by pidfd. A tree or session is stopped first, from its root down and again until no member is
 * new, so that nobody forks while the others die; then all die at once.
 */
export function makeProcessKill(ports: ActionPorts): NodeAction {
  return withParams(nodeActionParams['process.kill'], ({ scope }, command, signal) =>
    act(command, ports, { verb: 'kill', scope, act: (root) => killScope(root, scope, ports, signal) }),
  );
}

/** `process.stop`: SIGSTOP; nothing of it runs until `process.resume`, and its memory stays for those who look at it. */
export function makeProcessStop(ports: ActionPorts): NodeAction {
  return withParams(nodeActionParams['process.stop'], ({ scope }, command, signal) =>
    act(command, ports, {
      verb: 'stop',
      scope,
      act: async (root) => {
        const held = new Crowd(ports);
        try {
          return await stopScope(root, scope, held, ports, signal);
        } finally {
          held.close();
        }
      },
    }),
  );
}

/** `process.resume`: SIGCONT. What is stopped cannot fork, so one look finds all. */
export function makeProcessResume(ports: ActionPorts): NodeAction {
  return withParams(nodeActionParams['process.resume'], ({ scope }, command) =>
    act(command, ports, {
      verb: 'resume',
      scope,
      act: async (root) => {
        const held = new Crowd(ports);
        held.take(inScope(root, scope, ports.descendants));
        const count = held.signal('SIGCONT');
        held.close();
        return { outcome: 'done', count };
      },
    }),
  );
}

type Done =
  | { readonly outcome: 'done'; readonly count: number }
  | (ActionResult & { readonly outcome: 'failed' | 'refused' });

type Doing = {
  readonly verb: 'kill' | 'stop' | 'resume';
  readonly scope: Scope;
  readonly act: (root: ProcessIdentity) => Promise<Done>;
};

const past = { kill: 'killed', stop: 'stopped', resume: 'resumed' } as const;

async function act(
  command: Parameters<NodeAction>[0],
  ports: ActionPorts,
  { verb, scope, act: perform }: Doing,
): Promise<ActionResult> {
  const found = findProcess(command, ports);
  if (!found.ok) return found.result;
  const { identity, name } = found;
  const targets = inScope(identity, scope, ports.descendants);
  const refusal = await refuseTargets(targets, ports);
  if (refusal !== undefined) return { outcome: 'refused', detail: refusal };
  const what = `process ${identity.pid} (${name})`;
  const more = (count: number) => (scope === 'process' ? '' : ` and its ${scope}, ${countOf(count)} in all`);
  if (command.mode === 'dry-run') {
    return { outcome: 'skipped', detail: `would ${verb} ${what}${more(targets.length)}` };
  }
  const done = await perform(identity);
  if (done.outcome !== 'done') return done;
  if (done.count === 0) return { outcome: 'gone', detail: `${what} ended by itself` };
  return { outcome: 'done', detail: `${what}${more(done.count)} ${past[verb]}` };
}

const countOf = (count: number): string => (count === 1 ? '1 process' : `${count} processes`);

/** Processes that are held, each once. */
class Crowd {
  readonly #ports: ActionPorts;
  readonly #held = new Map<string, HeldProcess>();

  constructor(ports: ActionPorts) {
    this.#ports = ports;
  }

  /** Those that are new here; the ones that are gone are left out. */
  take(processes: readonly ProcessIdentity[]): readonly HeldProcess[] {
    return processes.flatMap((identity) => {
      const key = `${identity.pid}/${identity.startTicks}`;
      if (this.#held.has(key) || this.#held.size >= MOST_PROCESSES) return [];
      const held = hold(identity, this.#ports.pidfds);
      if (held === undefined) return [];
      this.#held.set(key, held);
      return [held];
    });
  }

  /** How many of them got it. */
  signal(signal: 'SIGKILL' | 'SIGCONT'): number {
    return [...this.#held.values()].filter((held) => held.signal(signal)).length;
  }

  get living(): number {
    return [...this.#held.values()].filter(({ pid, startTicks }) => {
      const stat = readStat(pid);
      return stat !== undefined && stat.startTicks === startTicks && !stat.isDead;
    }).length;
  }

  get size(): number {
    return this.#held.size;
  }

  close(): void {
    for (const held of this.#held.values()) held.close();
    this.#held.clear();
  }
}

/** Stops the root, then whoever is found in its scope, until a look finds nobody new: then nobody is left who could fork. */
async function stopScope(
  root: ProcessIdentity,
  scope: Scope,
  crowd: Crowd,
  ports: ActionPorts,
  signal: AbortSignal,
): Promise<Done> {
  for (let pass = 0; pass < MOST_PASSES && !signal.aborted; pass++) {
    const fresh = crowd.take(inScope(root, scope, ports.descendants));
    if (fresh.length === 0 && pass > 0) return { outcome: 'done', count: crowd.size };
    // Someone whom the guard rails protect may have come in since they were asked.
    const refusal = pass === 0 ? undefined : await refuseTargets(fresh, ports);
    if (refusal !== undefined) {
      crowd.signal('SIGCONT');
      return { outcome: 'refused', detail: refusal };
    }
    for (const held of fresh) held.signal('SIGSTOP');
    // A fork that is under way ends before its process stops; its child is then there to be found.
    await sleep(1);
  }
  return { outcome: 'failed', retry: true, detail: `process ${root.pid} forks faster than it can be stopped` };
}

async function killScope(root: ProcessIdentity, scope: Scope, ports: ActionPorts, signal: AbortSignal): Promise<Done> {
  const crowd = new Crowd(ports);
  try {
    if (scope === 'process') crowd.take([root]);
    else {
      const stopped = await stopScope(root, scope, crowd, ports, signal);
      if (stopped.outcome === 'refused') return stopped;
    }
    const count = crowd.signal('SIGKILL');
    for (let pass = 0; pass < MOST_PASSES && !signal.aborted; pass++) {
      if (crowd.living === 0) return { outcome: 'done', count };
      await sleep(Math.min(2 ** pass, 100));
    }
    return { outcome: 'failed', retry: true, detail: `process ${root.pid} is still alive: it hangs in the kernel` };
  } finally {
    crowd.close();
  }
}
