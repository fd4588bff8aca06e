import * as z from 'zod';
import { parsePriority, priorities } from '#rules/alert';
import { duration, instant } from './duration.ts';
import { approveSchema, condition, MOST_AHEAD_MS, retrySchema, stepKeys, stepsSchema } from './step-schema.ts';

const priority = z.string().transform((text, context) => {
  const found = parsePriority(text);
  if (found !== undefined) return found;
  context.addIssue({ code: 'custom', message: `expected one of ${priorities.join(', ')}` });
  return z.NEVER;
});

const names = z.array(z.string().min(1).max(512)).min(1).max(256);
const fields = z.array(z.string().min(1).max(512)).min(1).max(8);
const window = duration(1_000, MOST_AHEAD_MS);
/** What one window remembers. */
const MOST_COUNT = 1_000;

/** The descriptions are what editors show (`playbook.schema.json`). */
const triggerSchema = z
  .strictObject({
    rules: names.optional().describe('Names of rules, any of them; * stands for any text.'),
    tags: names.optional().describe('Tags of the rule, any of them.'),
    priority: priority.optional().describe('This priority and whatever is more severe.'),
    source: z.string().min(1).max(128).optional().describe('Where the event came from, such as syscall.'),
    condition: condition.optional().describe("A condition in the rules' language over the fields of the alert."),
    count: z.int().min(2).max(MOST_COUNT).optional().describe('So many such alerts within the window start it once.'),
    sequence: z
      .array(condition)
      .min(2)
      .max(16)
      .optional()
      .describe('Conditions of alerts that come one after the other within the window; the last starts it.'),
    within: window
      .optional()
      .describe('The window of count or sequence, as 30s, 10m or 1h, by the time of the events.'),
    by: fields.optional().describe('Fields: alerts are counted together only if these are the same.'),
  })
  .superRefine((on, context) => {
    const fail = (path: readonly string[], message: string): void =>
      context.addIssue({ code: 'custom', path: [...path], message });
    const selects = [on.rules, on.tags, on.priority, on.source, on.condition, on.sequence];
    if (selects.every((value) => value === undefined))
      fail([], 'expected at least one of rules, tags, priority, source, condition');
    if (on.count !== undefined && on.sequence !== undefined)
      fail(['sequence'], 'count and sequence exclude each other');
    const remembers = on.count !== undefined || on.sequence !== undefined;
    if (remembers && on.within === undefined) fail(['within'], 'is missing; count and sequence need a window');
    if (!remembers && on.within !== undefined) fail(['within'], 'belongs to count or sequence, and neither is here');
    if (!remembers && on.by !== undefined) fail(['by'], 'belongs to count or sequence, and neither is here');
  });

const dedupeSchema = z.strictObject({
  by: fields.describe('Fields: alerts in which these are the same are taken together.'),
  for: window.describe('The first goes through at once; at the end of this time, one summary says how many followed.'),
});

const blastSchema = z
  .strictObject({
    containers: z.int().min(1).max(MOST_COUNT).optional().describe('At most so many containers.'),
    pods: z.int().min(1).max(MOST_COUNT).optional().describe('At most so many pods.'),
    nodes: z.int().min(1).max(MOST_COUNT).optional().describe('At most so many nodes.'),
    per: window.describe('The window.'),
  })
  .refine(({ containers, pods, nodes }) => (containers ?? pods ?? nodes) !== undefined, {
    message: 'expected at least one of containers, pods, nodes',
  });

const limitsSchema = z
  .strictObject({
    runs: z
      .int()
      .min(1)
      .max(MOST_COUNT)
      .optional()
      .describe('At most so many runs per window; the others are held back.'),
    per: window.optional().describe('The window of runs.'),
    blast_radius: blastSchema
      .optional()
      .describe('When more than this would be touched, the playbook stops itself until a person resumes it.'),
  })
  .superRefine((limits, context) => {
    const fail = (key: string, message: string): void => context.addIssue({ code: 'custom', path: [key], message });
    if (limits.runs === undefined && limits.blast_radius === undefined)
      context.addIssue({ code: 'custom', message: 'expected at least one of runs, blast_radius' });
    if (limits.runs !== undefined && limits.per === undefined) fail('per', 'is missing; runs need a window');
    if (limits.runs === undefined && limits.per !== undefined) fail('per', 'belongs to runs, which is not here');
  });

export const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
const clock = z.string().transform((text, context): number => {
  const [, hours = '', minutes = ''] = /^(\d{2}):(\d{2})$/.exec(text) ?? [];
  const minute = Number(hours) * 60 + Number(minutes);
  if (hours !== '' && minute <= 24 * 60 && Number(minutes) < 60) return minute;
  context.addIssue({ code: 'custom', message: 'expected a time of day such as "08:30", in quotes' });
  return z.NEVER;
});
const hoursSchema = z.strictObject({
  days: z.array(z.enum(days)).min(1).max(7).optional().describe('Every day if left out.'),
  from: clock.describe('Time of day, "08:00".'),
  to: clock.describe('Time of day, "18:00"; before from, it is the next day\'s.'),
});
const windowSchema = z.strictObject({ from: instant, to: instant, reason: z.string().max(1_024).optional() });

const scheduleSchema = z
  .strictObject({
    zone: z
      .string()
      .max(64)
      .default('UTC')
      .refine(isZone, 'expected a time zone such as UTC or Europe/Vienna')
      .describe('Time zone of the hours.'),
    hours: z.array(hoursSchema).min(1).max(32).optional().describe('It starts at these hours only.'),
    maintenance: z.array(windowSchema).min(1).max(256).optional().describe('It does not start in these windows.'),
  })
  .refine(({ hours, maintenance }) => (hours ?? maintenance) !== undefined, {
    message: 'expected at least one of hours, maintenance',
  });

const silenceSchema = z.strictObject({
  condition: condition.describe('Alerts for which this holds do not start it.'),
  from: instant.optional().describe('When it begins; at once if left out.'),
  until: instant.describe('Every silence ends.'),
  by: z.string().min(1).max(256).optional().describe('Who wants it.'),
  reason: z.string().max(1_024).default('').describe('For people.'),
});

function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

/** A playbook as it is written. Everything that the schema cannot see (actions, conditions, templates) `load.ts` checks. */
export const playbookSchema = z.strictObject({
  playbook: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'expected small letters, digits and -')
    .describe('Its name.'),
  description: z.string().max(4_096).default('').describe('What it does, for people.'),
  mode: z
    .enum(['enforce', 'dry-run', 'shadow'])
    .optional()
    .describe('Without it, as the router was started. dry-run asks and does nothing; shadow does not even ask.'),
  on: triggerSchema.describe('Which alerts start it: every key must agree.'),
  dedupe: dedupeSchema.optional().describe('Takes alerts of the same kind together.'),
  limits: limitsSchema.optional().describe('How often it may run, and how much it may touch.'),
  schedule: scheduleSchema.optional().describe('When it may start.'),
  silences: z.array(silenceSchema).max(256).default([]).describe('Alerts that do not start it for a while.'),
  steps: stepsSchema.describe('What is done, one after the other.'),
  finally: stepsSchema.optional().describe('What is done at the end, however the steps went.'),
});

export type ReadPlaybook = z.output<typeof playbookSchema>;

const keys: Readonly<Record<string, readonly string[]>> = {
  on: Object.keys(triggerSchema.shape),
  retry: Object.keys(retrySchema.shape),
  approve: Object.keys(approveSchema.shape),
  dedupe: Object.keys(dedupeSchema.shape),
  limits: Object.keys(limitsSchema.shape),
  blast_radius: Object.keys(blastSchema.shape),
  schedule: Object.keys(scheduleSchema.shape),
};
const itemKeys: Readonly<Record<string, readonly string[]>> = {
  hours: Object.keys(hoursSchema.shape),
  maintenance: Object.keys(windowSchema.shape),
  silences: Object.keys(silenceSchema.shape),
};

/** The keys that may stand at this path of a playbook, for suggestions. */
export function keysAt(path: readonly (string | number)[]): readonly string[] {
  const last = path.at(-1);
  if (last === undefined) return Object.keys(playbookSchema.shape);
  if (typeof last === 'number') return itemKeys[String(path.at(-2))] ?? stepKeys;
  return keys[last] ?? [];
}
