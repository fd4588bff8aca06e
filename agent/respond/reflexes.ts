import { existsSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import type { KernelFormula } from '#playbooks/language/kernel-condition';
import { MOST_TEXT_BYTES } from '#playbooks/language/kernel-condition';
import { type Reflex, reflexesOf } from '#playbooks/language/kernel-steps';
import type { Playbook } from '#playbooks/language/playbook';
import type { RunMode } from '#playbooks/language/run';
import type { LannerPart } from '#rules/alert';
import { toByteString } from '#rules/language/byte-string';
import type { Protection, ResponseSettings } from '../config/protection.ts';
import { reflexOf } from '../events/decode.ts';
import type { Event } from '../events/event.ts';
import { neededPrograms } from './guard.ts';
import { listPids } from './process.ts';
import { readFacts } from './process-facts.ts';
import { encodeReflexControl, encodeReflexTests, makeReflexTable, reflexLayout } from './reflex-tables.ts';

/** The window of the cap, as that of commands. */
const WINDOW_NS = 60_000_000_000;
const MOST_PATHS = 200;
/** Where engines and Redis are installed. */
const folders = ['/usr/bin', '/usr/sbin', '/usr/local/bin', '/usr/local/sbin', '/usr/libexec', '/usr/lib/podman'];
/** Programs with which engines begin and enter containers: to kill them is to stop all containers. */
const runtimes = ['runc', 'crun', 'docker', 'podman', 'ctr', 'nerdctl', 'buildkitd', 'kubeadm'];

/** The steps in the kernel, as tables that native/bpf/reflex.h reads. */
export type Reflexes = {
  readonly tests: Uint8Array;
  /** `stopped`: the off switch. */
  control(stopped: boolean): Uint8Array;
  /** Programs of the host that are never killed. Byte strings. */
  readonly spared: readonly string[];
  /** Takes the program that denies. */
  readonly isDenying: boolean;
  /** What the kernel did to the program of an exec, as alerts tell it. */
  partOf(exec: Event): NonNullable<LannerPart['reflex']> | undefined;
};

export type ReflexesOutcome =
  | { readonly ok: true; readonly reflexes: Reflexes | undefined }
  | { readonly ok: false; readonly reason: string };

export type ReflexOptions = {
  readonly playbooks: readonly Playbook[];
  /** Of playbooks that name none. */
  readonly mode: RunMode;
  readonly settings: ResponseSettings;
};

/** Makes the tables; no reflexes, where no playbook has a step in the kernel. */
export function makeReflexes({ playbooks, mode, settings }: ReflexOptions): ReflexesOutcome {
  const steps = reflexesOf(playbooks);
  if (steps.length === 0) return { ok: true, reflexes: undefined };
  const { protection, mostActions } = settings;
  const table = makeReflexTable(steps.map(({ formula }) => sparing(formula, protection)));
  if (!table.ok) return table;
  const enforced = bitsOf(steps, ({ playbook }) => (playbook.mode ?? mode) === 'enforce');
  const denied = bitsOf(steps, ({ isDenying }) => isDenying);
  const obstacle = denied === 0 ? undefined : whyNoDenying();
  if (obstacle !== undefined) {
    const names = steps.filter(({ isDenying }) => isDenying).map(({ playbook, step }) => `${playbook.name}/${step.id}`);
    return { ok: false, reason: `${names.join(', ')}: nothing can be denied here: ${obstacle}` };
  }
  const mntNs = readMountNamespace();
  const asksContainers = protection.containers.length + protection.pods.length > 0;
  return {
    ok: true,
    reflexes: {
      tests: encodeReflexTests(table.tests),
      control: (isStopped) =>
        encodeReflexControl({
          reflexes: steps.length,
          enforced,
          denied,
          isStopped,
          most: mostActions,
          windowNs: WINDOW_NS,
          mntNs,
          asksContainers,
        }),
      spared: findSpared(protection),
      isDenying: denied !== 0,
      partOf: (exec) => describe(exec, steps),
    },
  };
}

const bitsOf = (steps: readonly Reflex[], isSet: (step: Reflex) => boolean): number =>
  steps.reduce((bits, step, at) => (isSet(step) ? bits | (1 << at) : bits), 0);

/** A kernel without it in this list loads the program and never runs it. */
function whyNoDenying(): string | undefined {
  let modules: string;
  try {
    modules = readFileSync('/sys/kernel/security/lsm', 'latin1').trim();
  } catch {
    return 'whether the kernel has BPF LSM cannot be told, because securityfs is not mounted on /sys/kernel/security';
  }
  if (modules.split(',').includes('bpf')) return undefined;
  return `the kernel runs no BPF LSM programs; boot it with lsm=${modules},bpf`;
}

function describe(exec: Event, steps: readonly Reflex[]): NonNullable<LannerPart['reflex']> | undefined {
  const found = reflexOf(exec);
  if (found === undefined) return undefined;
  const names = found.numbers.flatMap((number) => {
    const one = steps[number];
    return one === undefined ? [] : [`${one.playbook.name}/${one.step.id}`];
  });
  return { verdict: found.verdict, steps: names };
}

/** The same condition, but for what the protected list names: it may spare more than that, never less. */
function sparing(formula: KernelFormula, { processes }: Protection): KernelFormula {
  const spared = processes.map(
    ({ name, exe }): KernelFormula => ({
      kind: 'not',
      child: { kind: 'and', children: [...patternParts('name', name), ...patternParts('path', exe)] },
    }),
  );
  return { kind: 'and', children: [...spared, formula] };
}

/** Begins and ends as the pattern does: that holds of all that fits it. */
function patternParts(subject: 'name' | 'path', pattern: string | undefined): readonly KernelFormula[] {
  if (pattern === undefined) return [];
  const parts = pattern.split('*');
  const first = (parts[0] ?? '').slice(0, MOST_TEXT_BYTES);
  const last = (parts.at(-1) ?? '').slice(-MOST_TEXT_BYTES);
  return [
    { kind: 'test', test: { subject, operator: 'begins', text: first } },
    { kind: 'test', test: { subject, operator: 'ends', text: last } },
  ];
}

/** Paths of the programs that guard rails name, installed or running, and of our own. */
function findSpared({ processes }: Protection): readonly string[] {
  const names = [...neededPrograms, ...runtimes];
  const paths = new Set([process.execPath, realpath(process.execPath)]);
  for (const { exe } of processes) if (exe !== undefined && !exe.includes('*')) paths.add(exe);
  for (const pid of listPids()) {
    const facts = readFacts(pid);
    if (facts?.isHostProgram && facts.exe !== undefined && names.includes(basename(facts.exe))) paths.add(facts.exe);
  }
  for (const folder of folders) {
    for (const name of names) if (existsSync(`${folder}/${name}`)) paths.add(realpath(`${folder}/${name}`));
  }
  return [...paths]
    .map((path) => toByteString(path))
    .filter((path) => path.length <= reflexLayout.mostPathBytes)
    .slice(0, MOST_PATHS);
}

const basename = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

function realpath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path; // Gone meanwhile.
  }
}

/** The first process's; the agent's own where it may not look there. */
function readMountNamespace(): number {
  for (const path of ['/proc/1/ns/mnt', '/proc/self/ns/mnt']) {
    try {
      return Number(/\[(\d+)\]/.exec(readlinkSync(path))?.[1] ?? 0);
    } catch {
      // Next.
    }
  }
  return 0;
}
