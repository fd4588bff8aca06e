import * as z from 'zod';
import { duration } from './duration.ts';

export const condition = z.string().min(1).max(65_536);

/** How far from the event an action is carried out. */
export const distances = ['router', 'node', 'kernel'] as const;

/** Items that `foreach` goes through, and steps of one list. */
export const MOST_ITEMS = 64;
const MOST_STEPS = 32;
/** The longest that an undo, a window or a summary lies ahead. */
export const MOST_AHEAD_MS = 7 * 86_400_000;

export const retrySchema = z.strictObject({
  attempts: z.int().min(1).max(20).default(3).describe('Attempts in all.'),
  backoff: duration(10, 600_000).default(1_000).describe('Wait before the second attempt; it doubles from then on.'),
  most: duration(10, 3_600_000).default(60_000).describe('The longest wait.'),
});

const orders = ['stop', 'continue'] as const;

const ways = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'expected console, or the name of a chat or email destination');
/** Of people, in the router's configuration file. */
const group = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'expected the name of a group: small letters, digits and -');

/** The step waits until a person agrees. */
export const approveSchema = z.strictObject({
  via: z
    .array(ways)
    .min(1)
    .max(8)
    .describe(
      'How people are asked and may answer: console (and the command line), or destinations for chat or email.',
    ),
  by: z.array(group).min(1).max(16).describe('Groups of people; any one of them answers.'),
  within: duration(1_000, MOST_AHEAD_MS).describe('So long an answer is waited for.'),
  otherwise: z
    .enum(['abort', 'proceed'])
    .default('abort')
    .describe('What follows when nobody answers: the step is refused, or it is performed.'),
});

/** A step as its parts; `onError` and `parallel` say what may be nested in it. Nesting ends after two levels. */
function makeStepSchema<E extends z.ZodType, P extends z.ZodRawShape>(onError: E, nested: P) {
  return z.strictObject({
    id: z
      .string()
      .regex(/^[a-zA-Z][a-zA-Z0-9_]{0,62}$/, 'expected letters, digits and _, a letter first')
      .describe('Its name: later steps write %steps.ID.outcome.'),
    uses: z.string().min(1).max(128).optional().describe('The action.'),
    with: z
      .record(z.string().max(256), z.unknown())
      .optional()
      .describe("The action's parameters; texts are templates."),
    if: condition.optional().describe('The step is skipped unless this condition holds.'),
    timeout: duration(10, 3_600_000)
      .optional()
      .describe('For each attempt, as 500ms, 30s, 10m or 1h; 10s if left out.'),
    retry: retrySchema.optional().describe('Without it, one attempt.'),
    on_error: onError.optional().describe('What follows when the step has failed for good; stop if left out.'),
    undo_after: duration(1_000, MOST_AHEAD_MS)
      .optional()
      .describe('So long after it was done, the opposite action undoes it.'),
    foreach: z
      .union([z.string().min(1).max(65_536), z.array(z.union([z.string(), z.number(), z.boolean()])).max(MOST_ITEMS)], {
        error: 'expected a list, or a template of one field that holds a list',
      })
      .optional()
      .describe('Performs the step once for each, one after the other; %item.value is the one whose turn it is.'),
    approve: approveSchema.optional().describe('The step waits until a person agrees.'),
    where: z.enum(distances).optional().describe('How far from the event: router (if left out), node or kernel.'),
    ...nested,
  });
}

function needsAction(step: { readonly uses?: string | undefined }, context: z.core.$RefinementCtx): void {
  if (step.uses === undefined)
    context.addIssue({ code: 'custom', path: ['uses'], message: 'is missing; expected a text' });
}

const onErrorHint = 'expected stop, continue or a list of steps';
const lastStepSchema = makeStepSchema(z.enum(orders), {}).superRefine(needsAction);
const remedy = z.union([z.enum(orders), z.array(lastStepSchema).min(1).max(MOST_STEPS)], { error: onErrorHint });
const actionStepSchema = makeStepSchema(remedy, {}).superRefine(needsAction);

const groupOnly = ['with', 'timeout', 'retry', 'undo_after', 'foreach', 'where', 'approve'] as const;

const outerStep = makeStepSchema(remedy, {
  parallel: z.array(actionStepSchema).min(1).max(MOST_STEPS).optional().describe('Steps at the same time.'),
});

export const stepSchema = outerStep.superRefine((step, context) => {
  if (step.parallel === undefined) return needsAction(step, context);
  if (step.uses !== undefined)
    context.addIssue({ code: 'custom', path: ['uses'], message: 'a step has either uses or parallel' });
  for (const key of groupOnly) {
    if (step[key] !== undefined)
      context.addIssue({ code: 'custom', path: [key], message: 'belongs to the steps inside parallel' });
  }
});

export const stepsSchema = z.array(stepSchema).min(1).max(MOST_STEPS);

export const stepKeys: readonly string[] = Object.keys(outerStep.shape);

/** As it was read: a step that acts, or one that holds such steps. */
export type ReadStep = z.output<typeof stepSchema>;
export type ReadActionStep = z.output<typeof actionStepSchema> | z.output<typeof lastStepSchema>;
