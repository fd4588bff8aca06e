import { type BlastKind, blastKinds, type Limits, type Scope } from './playbook.ts';
import type { GuardNote } from './run.ts';

export type LimitState = {
  /** When runs were started, the oldest first. */
  readonly runs: readonly number[];
  /** By kind, what was touched → when, last. */
  readonly touched: Readonly<Partial<Record<BlastKind, Readonly<Record<string, number>>>>>;
  /** Set until a person says that it may go on. */
  readonly stopped?: { readonly atMs: number; readonly reason: string };
};

export type Limited =
  | { readonly kind: 'free'; readonly state: LimitState | undefined; readonly notes: readonly GuardNote[] }
  | {
      readonly kind: 'held';
      readonly guard: 'runs' | 'blast_radius';
      readonly detail: string;
      readonly state: LimitState | undefined;
    };

export function limit(limits: Limits, scope: Scope, before: LimitState | undefined, nowMs: number): Limited {
  const { runs, blast } = limits;
  if (runs === undefined && blast === undefined) return { kind: 'free', state: before, notes: [] };
  const notes: GuardNote[] = [];
  let state: LimitState = before ?? { runs: [], touched: {} };
  if (runs !== undefined) {
    const recent = state.runs.filter((ms) => ms > nowMs - runs.perMs);
    if (recent.length >= runs.most) {
      const detail = `${recent.length} runs within ${runs.perMs / 1_000} s, at most ${runs.most}`;
      return { kind: 'held', guard: 'runs', detail, state: { ...state, runs: recent } };
    }
    notes.push({ guard: 'runs', detail: `${recent.length + 1} of ${runs.most} within ${runs.perMs / 1_000} s` });
    state = { ...state, runs: [...recent, nowMs] };
  }
  if (blast === undefined) return { kind: 'free', state, notes };
  const touched: Partial<Record<BlastKind, Record<string, number>>> = {};
  for (const kind of blastKinds) {
    const most = blast.most[kind];
    if (most === undefined) continue;
    const recent = Object.entries(state.touched[kind] ?? {}).filter(([, ms]) => ms > nowMs - blast.perMs);
    const target = targetOf(kind, scope);
    const isNew = target !== undefined && recent.every(([name]) => name !== target);
    if (isNew && recent.length >= most) {
      const detail = `${most} ${kind} were touched within ${blast.perMs / 1_000} s, and ${target} would be one more`;
      return { kind: 'held', guard: 'blast_radius', detail, state: stop(before, nowMs, detail) };
    }
    // `fromEntries` makes own keys of all, also of `__proto__`.
    touched[kind] = Object.fromEntries(target === undefined ? recent : [...recent, [target, nowMs] as const]);
    notes.push({ guard: 'blast_radius', detail: `${Object.keys(touched[kind]).length} of ${most} ${kind}` });
  }
  return { kind: 'free', state: { ...state, touched }, notes };
}

function stop(state: LimitState | undefined, atMs: number, reason: string): LimitState {
  return { runs: state?.runs ?? [], touched: state?.touched ?? {}, stopped: { atMs, reason } };
}

/** The state after a person has looked. */
export function forget({ runs }: LimitState): LimitState {
  return { runs, touched: {} };
}

/** What the playbook's steps would touch, by the alert. */
function targetOf(kind: BlastKind, { alert }: Scope): string | undefined {
  const field = (name: string): string | undefined => {
    const value = alert.output_fields[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  switch (kind) {
    case 'containers': {
      const id = alert.lanner?.container?.id ?? field('container.full_id') ?? field('container.id');
      return id === 'host' ? undefined : id?.slice(0, 12);
    }
    case 'pods': {
      const pod = field('k8s.pod.name');
      return pod === undefined ? undefined : `${field('k8s.ns.name') ?? ''}/${pod}`;
    }
    case 'nodes':
      return alert.lanner?.node ?? (alert.hostname || undefined);
  }
}
