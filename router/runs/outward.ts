import * as z from 'zod';
import type { Alert } from '#rules/alert';
import { type Action, type ActionContext, type ActionResult, defineAction } from './action.ts';

/** The name of a destination, as `via` and the configuration file write it. */
export const destinationName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'expected the name of a destination: small letters, digits and -');

/** What a message to a destination is performed with. */
export type SendContext = Pick<
  ActionContext,
  'alert' | 'alertId' | 'playbook' | 'idempotencyKey' | 'signal' | 'deadlineMs' | 'mask'
> & {
  /** The destination; what is kept for it from one message to the next (a connection, a batch) goes by this name. */
  readonly destination: string;
  readonly asked?: Asked | undefined;
  readonly table?: Table | undefined;
};

/** What a message asks people to say yes or no to; its link is made when it is sent. */
export type Ask = {
  readonly kind: 'approval' | 'page';
  readonly id: string;
  /** The destination that asks. */
  readonly way: string;
  /** Whom the message is for alone: whoever has the link is taken for that person. */
  readonly person?: string | undefined;
  readonly untilMs: number;
};

/** An `Ask` as the message shows it. */
export type Asked = Pick<Ask, 'kind'> & {
  /** `undefined`: this router does not know where people reach it. */
  readonly url: string | undefined;
  /** For buttons of services that answer by themselves; `undefined`: their answers are not taken. */
  readonly token: string | undefined;
};

export type Table = {
  readonly caption: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** What it does not show. */
  readonly more: string;
};

/** A message on its way: everything of it but the destination's settings, so that no secret lies in the queue. */
export type Message = {
  readonly via: string;
  readonly uses: string;
  readonly params: unknown;
  readonly alert: Alert;
  readonly alertId: string;
  readonly playbook: string;
  readonly key: string;
  readonly ask?: Ask | undefined;
  /** What its text shows as a table, for those who can draw one. */
  readonly table?: Table | undefined;
};

/** How the messages of one action are sent. */
export type Sender = {
  /** What a destination of this kind is set to, beside what all destinations have. */
  readonly settings: z.ZodType<object>;
  /** Of the parameters for a marked test message. */
  readonly test: object;
  /** Sent at the same time and at most, unless the destination says otherwise: those who batch want many. */
  readonly concurrency: number;
  /** Both as they were written, with secrets filled in; they are checked here. */
  readonly send: (params: unknown, settings: unknown, context: SendContext) => Promise<ActionResult>;
};

export type OutwardAction = Action & { readonly sender: Sender };

type Definition<P extends { readonly via?: string | undefined }, S extends object> = {
  readonly name: string;
  readonly doc: string;
  readonly params: z.ZodType<P>;
  readonly settings: z.ZodType<S>;
  readonly test: object;
  readonly concurrency?: number;
  readonly outputs?: Action['outputs'];
  send(params: P, settings: S, context: SendContext): Promise<ActionResult>;
  /** Before a message is handed over: what else of it is to be kept, and how people answer it. */
  before?(params: P, context: ActionContext): Promise<Prepared>;
  /** Without `via`: in the step itself, with what the step says. */
  inline?(params: P, context: ActionContext): Promise<ActionResult>;
  /** What a dry run says of a step without `via`. */
  dryRun?(params: P, context: ActionContext): ActionResult;
};

/** `params` take the place of those that the step says; `detail` is added to what it says. */
type Prepared = { readonly params: unknown; readonly ask?: Ask | undefined; readonly detail?: string };

/**
 * An action that tells the world. A step with `via` hands the message to the destination's own queue, which outlives
 * the run, and is done at once: whatever is the matter with the destination delays no other step.
 */
export function defineOutward<P extends { readonly via?: string | undefined }, S extends object>(
  definition: Definition<P, S>,
): OutwardAction {
  const { name, doc, params, settings, outputs } = definition;
  const missing: ActionResult = { status: 'failed', retry: false, reason: 'via: is missing; expected a destination' };
  const action = defineAction<P>({
    name,
    side: 'router',
    doc,
    params,
    idempotent: true,
    via: true,
    ...(outputs === undefined ? {} : { outputs }),
    async run(read, context) {
      const { via } = read;
      if (via === undefined) return definition.inline?.(read, context) ?? missing;
      const { alert, alertId, playbook, idempotencyKey: key } = context;
      const prepared = await definition.before?.(read, context);
      const { params: sent, ask, detail } = prepared ?? { params: context.filled };
      const handed = await context.hand({ via, uses: name, params: sent, alert, alertId, playbook, key, ask });
      return handed.status === 'failed' || detail === undefined
        ? handed
        : { ...handed, detail: `${handed.detail}; ${detail}` };
    },
    dryRun(read, context) {
      if (read.via === undefined) return definition.dryRun?.(read, context) ?? missing;
      return context.explainHand(read.via, name);
    },
  });
  const sender: Sender = {
    settings,
    test: definition.test,
    concurrency: definition.concurrency ?? 4,
    async send(filled, configured, context) {
      const readSettings = settings.safeParse(configured);
      if (!readSettings.success) return wrong(`destination ${context.destination}`, readSettings.error);
      const readParams = params.safeParse(filled);
      if (!readParams.success) return wrong(name, readParams.error);
      return definition.send(readParams.data, readSettings.data, context);
    },
  };
  return { ...action, sender };
}

function wrong(what: string, { issues: [issue] }: z.ZodError): ActionResult {
  const reason = `${what}: ${issue?.path.join('.')}: ${issue?.message ?? 'wrong'}`;
  return { status: 'failed', retry: false, reason };
}
