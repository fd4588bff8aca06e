import * as z from 'zod';
import { parsePriority, priorities } from '#rules/alert';

const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** `500ms`, `30s`, `10m`, `2h`, in milliseconds. */
function parseDuration(text: string): number | undefined {
  const found = /^(\d{1,6})(ms|s|m|h)$/.exec(text);
  if (found === null) return undefined;
  const unit = Object.entries(units).find(([name]) => name === found[2]);
  return unit === undefined ? undefined : Number(found[1]) * unit[1];
}

const durationHint = 'expected a time such as 500ms, 30s, 10m or 2h';

function duration(leastMs: number, mostMs: number) {
  return z.string({ error: durationHint }).transform((text, context): number => {
    const ms = parseDuration(text);
    if (ms !== undefined && ms >= leastMs && ms <= mostMs) return ms;
    const message = ms === undefined ? durationHint : `expected a time from ${leastMs}ms to ${mostMs / 1_000}s`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
}

const priority = z.string().transform((text, context) => {
  const found = parsePriority(text);
  if (found !== undefined) return found;
  context.addIssue({ code: 'custom', message: `expected one of ${priorities.join(', ')}` });
  return z.NEVER;
});

const names = z.array(z.string().min(1).max(512)).min(1).max(256);
const condition = z.string().min(1).max(65_536);

/** The descriptions are what editors show (`playbook.schema.json`). */
const triggerSchema = z
  .strictObject({
    rules: names.optional().describe('Names of rules, any of them; * stands for any text.'),
    tags: names.optional().describe('Tags of the rule, any of them.'),
    priority: priority.optional().describe('This priority and whatever is more severe.'),
    source: z.string().min(1).max(128).optional().describe('Where the event came from, such as syscall.'),
    condition: condition.optional().describe("A condition in the rules' language over the fields of the alert."),
  })
  .refine((on) => Object.values(on).some((value) => value !== undefined), {
    message: 'expected at least one of rules, tags, priority, source, condition',
  });

const retrySchema = z.strictObject({
  attempts: z.int().min(1).max(20).default(3).describe('Attempts in all.'),
  backoff: duration(10, 600_000).default(1_000).describe('Wait before the second attempt; it doubles from then on.'),
  most: duration(10, 3_600_000).default(60_000).describe('The longest wait.'),
});

const stepSchema = z.strictObject({
  id: z
    .string()
    .regex(/^[a-zA-Z][a-zA-Z0-9_]{0,62}$/, 'expected letters, digits and _, a letter first')
    .describe('Its name: later steps write %steps.ID.outcome.'),
  uses: z.string().min(1).max(128).describe('The action.'),
  with: z
    .record(z.string().max(256), z.unknown())
    .default({})
    .describe("The action's parameters; texts are templates."),
  if: condition.optional().describe('The step is skipped unless this condition holds.'),
  timeout: duration(10, 3_600_000).default(10_000).describe('For each attempt, as 500ms, 30s, 10m or 1h.'),
  retry: retrySchema.default({ attempts: 1, backoff: 1_000, most: 60_000 }).describe('Without it, one attempt.'),
  on_error: z.enum(['stop', 'continue']).default('stop').describe('What follows when the step has failed for good.'),
});

/** A playbook as it is written. Everything that the schema cannot see (actions, conditions, templates) `load.ts` checks. */
export const playbookSchema = z.strictObject({
  playbook: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'expected small letters, digits and -')
    .describe('Its name.'),
  description: z.string().max(4_096).default('').describe('What it does, for people.'),
  mode: z.enum(['enforce', 'dry-run']).optional().describe('Without it, as the router was started.'),
  on: triggerSchema.describe('Which alerts start it: every key must agree.'),
  steps: z.array(stepSchema).min(1).max(32).describe('What is done, one after the other.'),
});

/** The parts that `load.ts` checks further. */
export type Outline = {
  readonly condition: string | undefined;
  readonly steps: readonly {
    readonly id: string;
    readonly uses?: string | undefined;
    readonly with: Readonly<Record<string, unknown>>;
    readonly if?: string | undefined;
  }[];
};

const looseOn = z.looseObject({ condition: z.string().optional().catch(undefined) });
const looseStep = z.looseObject({
  id: z.string().catch(''),
  uses: z.string().optional().catch(undefined),
  with: z.record(z.string(), z.unknown()).catch({}),
  if: z.string().optional().catch(undefined),
});
const looseSchema = z.looseObject({
  on: looseOn.catch({}),
  steps: z
    .array(looseStep.catch({ id: '', uses: undefined, with: {}, if: undefined }))
    .max(1_000)
    .catch([]),
});

/** What can be made out of a playbook that is written wrongly, so that its other mistakes are found as well. */
export function outlineOf(value: unknown): Outline {
  const read = looseSchema.safeParse(value);
  return read.success
    ? { condition: read.data.on.condition, steps: read.data.steps }
    : { condition: undefined, steps: [] };
}

const keys = {
  playbook: Object.keys(playbookSchema.shape),
  on: Object.keys(triggerSchema.shape),
  step: Object.keys(stepSchema.shape),
  retry: Object.keys(retrySchema.shape),
};

/** The keys that may stand at this path of a playbook, for suggestions. */
export function keysAt(path: readonly (string | number)[]): readonly string[] {
  const last = path.at(-1);
  if (last === undefined) return keys.playbook;
  if (typeof last === 'number') return keys.step;
  return last === 'on' || last === 'retry' ? keys[last] : [];
}
