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
import {
  encodeReflexControl,
  encodeReflexTests,
  makeReflexTable,
  reflexLayout,
  type TableTest,
} from './reflex-tables.ts';

/** The window of the cap, as that of commands. */
const WINDOW_NS = 60_000_000_000;
const MOST_PATHS = 200;
const DENYING_LATE = 'what denies is loaded at the start: restart this agent to use a step with deny';
/** Where engines and Redis are installed. */
const folders = ['/usr/bin', '/usr/sbin', '/usr/local/bin', '/usr/local/sbin', '/usr/libexec', '/usr/lib/podman'];
/** Programs with which engines begin and enter containers: to kill them is to stop all containers. */
const runtimes = ['runc', 'crun', 'docker', 'podman', 'ctr', 'nerdctl', 'buildkitd', 'kubeadm'];

/** The steps in the kernel, as tables that native/bpf/reflex.h reads, and that may be swapped while programs start. */
export type Reflexes = {
  /** Both banks. */
  tests(): Uint8Array;
  /** `stopped`: the off switch. */
  control(stopped: boolean): Uint8Array;
  /** Programs of the host that are never killed. Byte strings. */
  spared(): readonly string[];
  /** Takes the program that denies. */
  isDenying(): boolean;
  /** What the kernel did to the program of an exec, as alerts tell it. */
  partOf(exec: Event): NonNullable<LannerPart['reflex']> | undefined;
  /** Other playbooks', for the bank that is not asked; it is from the next `control` on that follows `use`. */
  prepare(playbooks: readonly Playbook[]): Prepared;
};

export type Prepared =
  | { readonly ok: true; readonly tests: Uint8Array; readonly spared: readonly string[]; readonly use: () => void }
  /** `isForRestart`: an agent that starts with them can use them. */
  | { readonly ok: false; readonly reason: string; readonly isForRestart?: true };

export type ReflexesOutcome =
  | { readonly ok: true; readonly reflexes: Reflexes }
  | { readonly ok: false; readonly reason: string };

export type ReflexOptions = {
  readonly playbooks: readonly Playbook[];
  /** Of playbooks that name none. */
  readonly mode: RunMode;
  readonly settings: ResponseSettings;
};

/** What one bank holds. */
type Bank = {
  readonly steps: readonly Reflex[];
  readonly tests: readonly TableTest[];
  readonly enforced: number;
  readonly denied: number;
};
type BankOutcome = { readonly ok: true; readonly bank: Bank } | { readonly ok: false; readonly reason: string };

const nothing: Bank = { steps: [], tests: [], enforced: 0, denied: 0 };

/** Makes the tables. */
export function makeReflexes({ playbooks, mode, settings }: ReflexOptions): ReflexesOutcome {
  const { protection, mostActions } = settings;
  const first = makeBank(playbooks, mode, protection);
  if (!first.ok) return first;
  const banks: [Bank, Bank] = [first.bank, nothing];
  const isDenying = first.bank.denied !== 0;
  const mntNs = readMountNamespace();
  const asksContainers = protection.containers.length + protection.pods.length > 0;
  let bank: 0 | 1 = 0;
  return {
    ok: true,
    reflexes: {
      tests: () => encodeReflexTests(banks.map(({ tests }) => tests)),
      control(isStopped) {
        const { steps, enforced, denied } = banks[bank];
        const shared = { most: mostActions, windowNs: WINDOW_NS, mntNs, asksContainers };
        return encodeReflexControl({ reflexes: steps.length, enforced, denied, isStopped, bank, ...shared });
      },
      spared: () => sparedOf(banks[bank], protection),
      isDenying: () => isDenying,
      partOf: (exec) => describe(exec, banks),
      prepare(others) {
        const made = makeBank(others, mode, protection);
        if (!made.ok) return made;
        if (made.bank.denied !== 0 && !isDenying) return { ok: false, isForRestart: true, reason: DENYING_LATE };
        const next = bank === 0 ? 1 : 0;
        const both = next === 0 ? [made.bank, banks[1]] : [banks[0], made.bank];
        return {
          ok: true,
          tests: encodeReflexTests(both.map(({ tests }) => tests)),
          spared: sparedOf(made.bank, protection),
          use() {
            banks[next] = made.bank;
            bank = next;
          },
        };
      },
    },
  };
}

function makeBank(playbooks: readonly Playbook[], mode: RunMode, protection: Protection): BankOutcome {
  const steps = reflexesOf(playbooks);
  if (steps.length === 0) return { ok: true, bank: nothing };
  const table = makeReflexTable(steps.map(({ formula }) => sparing(formula, protection)));
  if (!table.ok) return table;
  const enforced = bitsOf(steps, ({ playbook }) => (playbook.mode ?? mode) === 'enforce');
  const denied = bitsOf(steps, ({ isDenying }) => isDenying);
  const obstacle = denied === 0 ? undefined : whyNoDenying();
  if (obstacle !== undefined) {
    const names = steps.filter(({ isDenying }) => isDenying).map(({ playbook, step }) => `${playbook.name}/${step.id}`);
    return { ok: false, reason: `${names.join(', ')}: nothing can be denied here: ${obstacle}` };
  }
  return { ok: true, bank: { steps, tests: table.tests, enforced, denied } };
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

function describe(exec: Event, banks: readonly [Bank, Bank]): NonNullable<LannerPart['reflex']> | undefined {
  const found = reflexOf(exec);
  if (found === undefined) return undefined;
  const { steps } = banks[found.bank];
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

const sparedOf = ({ steps }: Bank, protection: Protection): readonly string[] =>
  steps.length === 0 ? [] : findSpared(protection);

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
