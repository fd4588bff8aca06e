import type * as z from 'zod';
import type { Alert, Priority } from '#rules/alert';
import type { RunMode } from './run.ts';

/** What the checker knows of an action; how it is performed is the router's or the agent's. */
export type ActionSpec = {
  readonly name: string;
  /** Who carries it out. */
  readonly side: 'node' | 'router';
  readonly doc: string;
  readonly params: z.ZodType<object>;
  /** Whether acting twice does no more than acting once. If not, an attempt of unknown outcome is not repeated. */
  readonly idempotent: boolean;
};

export type ActionCatalogue = ReadonlyMap<string, ActionSpec>;

/** What conditions and templates of a playbook are read from. */
export type Scope = {
  readonly alert: Alert;
  readonly alertId: string;
  /** By step id, of the steps that came before. */
  readonly steps: ReadonlyMap<string, { readonly outcome: string; readonly detail: string }>;
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

export type Step = {
  readonly id: string;
  readonly uses: string;
  readonly action: ActionSpec;
  /** `with`, filled in: structure stays structure. A missing field without a default is an error. */
  readonly fill: (scope: Scope, secrets: Secrets) => Filled;
  /** `if`. */
  readonly guard: ((scope: Scope) => boolean) | undefined;
  readonly timeoutMs: number;
  readonly retry: Retry;
  readonly onError: 'stop' | 'continue';
};

/** Attempts in all; the wait before attempt n+1 is `backoffMs` × 2^(n-1), at most `mostMs`, less up to half as jitter. */
type Retry = { readonly attempts: number; readonly backoffMs: number; readonly mostMs: number };

export type Trigger = {
  readonly rules: readonly string[] | undefined;
  readonly tags: readonly string[] | undefined;
  /** This one and whatever is more severe. */
  readonly priority: Priority | undefined;
  readonly source: string | undefined;
  readonly condition: ((scope: Scope) => boolean) | undefined;
};

export type Playbook = {
  readonly name: string;
  readonly description: string;
  /** `undefined`: as the router was started. */
  readonly mode: RunMode | undefined;
  readonly path: string;
  readonly on: Trigger;
  readonly steps: readonly Step[];
};
