import type * as z from 'zod';
import type { Alert, Priority } from '#rules/alert';
import type { CheckedNode } from '#rules/language/checked';
import type { RunMode } from './run.ts';
import type { distances } from './step-schema.ts';

export type Distance = (typeof distances)[number];

/** What the checker knows of an action; how it is performed is the router's or the agent's. */
export type ActionSpec = {
  readonly name: string;
  /** Who carries it out. */
  readonly side: 'node' | 'router';
  readonly doc: string;
  readonly params: z.ZodType<object>;
  /** Whether acting twice does no more than acting once. If not, an attempt of unknown outcome is not repeated. */
  readonly idempotent: boolean;
  /** What later steps may read as `%steps.ID.NAME`, and what it means; `any`: the action is another program's to know. */
  readonly outputs?: Readonly<Record<string, string>> | 'any';
  /** The action that undoes it when it is given the same parameters. */
  readonly undo?: string;
  /** Distances beside those of its side: an action of a node that the kernel can carry out says so here. */
  readonly kernel?: true;
  /** A step may name a destination (`via`) that takes the message. */
  readonly via?: true;
  /** Of a router's action: it asks nobody, so it never takes long. */
  readonly quick?: true;
};

export type ActionCatalogue = Pick<ReadonlyMap<string, ActionSpec>, 'get' | 'has' | 'keys'>;

/** What a step says about itself to those after it. */
export type StepResult = {
  readonly outcome: string;
  readonly detail: string;
  readonly outputs?: Readonly<Record<string, OutputValue>> | undefined;
};

export type OutputValue = string | number | boolean;

/** Why a run was started. `summary`: a window of `dedupe` has ended, and `count` alerts were held back in it. */
export type RunTrigger = {
  readonly kind: 'alert' | 'count' | 'sequence' | 'summary';
  readonly count: number;
  /** Ids of the alerts that took part, the latest last; not more than a few. */
  readonly alerts: readonly string[];
};

/** What conditions and templates of a playbook are read from. */
export type Scope = {
  readonly alert: Alert;
  readonly alertId: string;
  /** By step id, of the steps that came before. */
  readonly steps: ReadonlyMap<string, StepResult>;
  readonly trigger?: RunTrigger | undefined;
  /** Of `foreach`. */
  readonly item?: { readonly value: OutputValue; readonly index: number } | undefined;
};

/** A secret's name → its value; `undefined` when there is none. */
export type Secrets = (name: string) => string | undefined;

export type Filled =
  | {
      readonly ok: true;
      readonly value: unknown;
      /** The same for people's eyes. */
      readonly masked: unknown;
      /** The secrets in `value`, to be masked wherever else they turn up. */
      readonly secrets: readonly string[];
    }
  | { readonly ok: false; readonly reason: string };

/** `node`: the condition, for those who explain it. */
export type Guard = { (scope: Scope): boolean; readonly node?: CheckedNode };
export type Fill = (scope: Scope, secrets: Secrets) => Filled;

export type ActionStep = {
  readonly kind: 'action';
  readonly id: string;
  readonly uses: string;
  readonly action: ActionSpec;
  /** `with`, filled in: structure stays structure. A missing field without a default is an error. */
  readonly fill: Fill;
  /** `if`: that of its group and its own. */
  readonly guard: Guard | undefined;
  readonly timeoutMs: number;
  readonly retry: Retry;
  readonly onError: OnError;
  readonly undo: { readonly uses: string; readonly afterMs: number } | undefined;
  /** Fills in the list to go through. */
  readonly foreach: Fill | undefined;
  readonly where: Distance;
  /** The router carries it out itself and may have to wait for somebody. */
  readonly isSlow: boolean;
  /** Who must agree before it is performed. */
  readonly approve?: Approve | undefined;
  /** The destination that the step names, where that is no template. */
  readonly via?: string | undefined;
  /** Destinations that are told after that, where they are no templates. */
  readonly next?: readonly string[] | undefined;
};

/** A person is asked before a step is performed. */
export type Approve = {
  /** `console`, or destinations. */
  readonly via: readonly string[];
  /** Groups of people. */
  readonly by: readonly string[];
  readonly withinMs: number;
  /** What follows when nobody answers in time. */
  readonly otherwise: 'abort' | 'proceed';
};

export type ParallelStep = {
  readonly kind: 'parallel';
  readonly id: string;
  readonly steps: readonly ActionStep[];
  readonly onError: OnError;
};

export type Step = ActionStep | ParallelStep;

/** A list of steps is a remedy: when it goes well, the run goes on. */
export type OnError = 'stop' | 'continue' | readonly ActionStep[];

/** Attempts in all; the wait before attempt n+1 is `backoffMs` × 2^(n-1), at most `mostMs`, less up to half as jitter. */
export type Retry = { readonly attempts: number; readonly backoffMs: number; readonly mostMs: number };

/** The value of some fields, as text: what is the same is taken together. */
export type GroupBy = (scope: Scope) => string;

export type Trigger = {
  readonly rules: readonly string[] | undefined;
  readonly tags: readonly string[] | undefined;
  /** This one and whatever is more severe. */
  readonly priority: Priority | undefined;
  readonly source: string | undefined;
  readonly condition: Guard | undefined;
  readonly memory: Memory | undefined;
};

/** What it takes beside one alert. */
export type Memory = { readonly withinMs: number; readonly by: GroupBy } & (
  | { readonly kind: 'count'; readonly count: number }
  | { readonly kind: 'sequence'; readonly conditions: readonly Guard[] }
);

export type Dedupe = { readonly by: GroupBy; readonly forMs: number };

export const blastKinds = ['containers', 'pods', 'nodes'] as const;
export type BlastKind = (typeof blastKinds)[number];

export type Limits = {
  readonly runs: { readonly most: number; readonly perMs: number } | undefined;
  readonly blast: { readonly most: Readonly<Partial<Record<BlastKind, number>>>; readonly perMs: number } | undefined;
};

export type Schedule = {
  readonly zone: string;
  /** Minutes of the day; `to` before `from` is the next day's. `days` counts from 0, Monday. */
  readonly hours:
    | readonly { readonly days: readonly number[]; readonly from: number; readonly to: number }[]
    | undefined;
  readonly maintenance: readonly { readonly fromMs: number; readonly toMs: number; readonly reason: string }[];
};

export type Silence = {
  readonly condition: Guard;
  /** `undefined`: at once. */
  readonly fromMs?: number | undefined;
  readonly untilMs: number;
  readonly by?: string | undefined;
  readonly reason: string;
  /** Of one that stands for itself. */
  readonly name?: string | undefined;
};

export type Playbook = {
  readonly name: string;
  readonly description: string;
  /** `undefined`: as the router was started. */
  readonly mode: RunMode | undefined;
  readonly path: string;
  readonly on: Trigger;
  readonly dedupe: Dedupe | undefined;
  readonly limits: Limits;
  readonly schedule: Schedule | undefined;
  readonly silences: readonly Silence[];
  readonly steps: readonly Step[];
  /** `finally`. */
  readonly last: readonly Step[];
};

/** Every step that acts, in the order in which they are written. */
export function actionSteps({ steps, last }: Pick<Playbook, 'steps' | 'last'>): readonly ActionStep[] {
  return [...steps, ...last].flatMap((step): readonly ActionStep[] => [
    ...(step.kind === 'parallel' ? step.steps.flatMap(withRemedy) : [step]),
    ...remedyOf(step),
  ]);
}

function withRemedy(step: ActionStep): readonly ActionStep[] {
  return [step, ...remedyOf(step)];
}

function remedyOf({ onError }: Step): readonly ActionStep[] {
  return typeof onError === 'string' ? [] : onError;
}

/** Stands for a playbook that is gone, for the runs that it has left. */
export function withoutSteps(name: string): Playbook {
  const on = {
    rules: [],
    tags: undefined,
    priority: undefined,
    source: undefined,
    condition: undefined,
    memory: undefined,
  };
  return {
    name,
    description: '',
    mode: undefined,
    path: '',
    on,
    dedupe: undefined,
    limits: { runs: undefined, blast: undefined },
    schedule: undefined,
    silences: [],
    steps: [],
    last: [],
  };
}
