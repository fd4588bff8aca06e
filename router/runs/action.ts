import type * as z from 'zod';
import type { Outcome } from '#playbooks/command';
import { targetInKey } from '#playbooks/idempotency';
import type { ActionSpec, OutputValue } from '#playbooks/language/playbook';
import type { RunMode } from '#playbooks/language/run';
import type { Alert } from '#rules/alert';
import type { RunPorts } from './ports.ts';

export type ActionContext = {
  readonly alert: Alert;
  readonly alertId: string;
  readonly playbook: string;
  readonly mode: Exclude<RunMode, 'shadow'>;
  /** alert/playbook/step/target: the same for every attempt, so that the other side can recognise a repeat. */
  readonly idempotencyKey: string;
  /** Milliseconds since the epoch at which `signal` aborts. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  /** Hides this step's secrets. For foreign text, before it is cut: half a secret would not be recognised later. */
  readonly mask: (text: string) => string;
  readonly sendToNode: RunPorts['sendToNode'];
  /** Puts a message into the queue of its destination; `explainHand` says what that would do. */
  readonly hand: RunPorts['hand'];
  readonly explainHand: RunPorts['explainHand'];
  readonly pages: RunPorts['pages'];
  readonly kubernetes?: RunPorts['kubernetes'];
};

export type ActionResult =
  | {
      readonly status: Exclude<Outcome, 'failed'>;
      readonly detail: string;
      readonly outputs?: Readonly<Record<string, OutputValue>>;
    }
  | { readonly status: 'failed'; readonly retry: boolean; readonly reason: string; readonly retryAfterMs?: number };

/** An action that the router can perform, or hand to a node. */
export type Action = ActionSpec & {
  /** `params` as filled in; they are checked here. In a dry run nothing outside changes and the result is `skipped`. */
  readonly perform: (params: unknown, context: ActionContext) => Promise<ActionResult>;
  /** What is acted on, for the idempotency key: `masked` are the parameters without their secrets. */
  readonly target: (params: unknown, masked: unknown) => string;
};

/** The parameters as they came, for those who pass them on. */
type Filled = { readonly filled: unknown };

type Definition<P extends object> = {
  readonly name: string;
  readonly side: ActionSpec['side'];
  readonly doc: string;
  readonly params: z.ZodType<P>;
  readonly idempotent: boolean;
  readonly outputs?: ActionSpec['outputs'];
  readonly undo?: ActionSpec['undo'];
  readonly kernel?: ActionSpec['kernel'];
  readonly via?: ActionSpec['via'];
  readonly quick?: ActionSpec['quick'];
  /** What is acted on, in few letters; without it, a hash of all parameters. */
  target?(params: P): string;
  run(params: P, context: ActionContext & Filled): Promise<ActionResult>;
  /** What a dry run says: `would …`. May ask, must not act. */
  dryRun(params: P, context: ActionContext): Promise<ActionResult> | ActionResult;
};

export function defineAction<P extends object>(definition: Definition<P>): Action {
  const { name, side, doc, params, idempotent, outputs, undo, kernel, via, quick } = definition;
  return {
    name,
    side,
    doc,
    params,
    idempotent,
    ...(outputs === undefined ? {} : { outputs }),
    ...(undo === undefined ? {} : { undo }),
    ...(kernel === undefined ? {} : { kernel }),
    ...(via === undefined ? {} : { via }),
    ...(quick === undefined ? {} : { quick }),
    target(filled, masked) {
      const read = params.safeParse(filled);
      const target = read.success ? definition.target?.(read.data) : undefined;
      return targetInKey(target, masked);
    },
    async perform(filled, context) {
      const read = params.safeParse(filled);
      if (!read.success) {
        const [issue] = read.error.issues;
        const reason = `${issue?.path.join('.') || name}: ${issue?.message ?? 'wrong parameters'}`;
        return { status: 'failed', retry: false, reason };
      }
      if (context.mode === 'dry-run') return definition.dryRun(read.data, context);
      return definition.run(read.data, { ...context, filled });
    },
  };
}
