import * as z from 'zod';
import { parsePriority, priorities } from '#rules/alert';

const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** `500ms`, `30s`, `10m`, `2h`, in milliseconds. */
export function parseDuration(text: string): number | undefined {
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

const triggerSchema = z
  .strictObject({
    rules: names.optional(),
    tags: names.optional(),
    priority: priority.optional(),
    source: z.string().min(1).max(128).optional(),
    condition: z.string().min(1).max(65_536).optional(),
  })
  .refine((on) => Object.values(on).some((value) => value !== undefined), {
    message: 'expected at least one of rules, tags, priority, source, condition',
  });

const stepSchema = z.strictObject({
  /** Letters, digits and `_`: it is part of a field's name, `steps.ID.outcome`. */
  id: z.string().regex(/^[a-zA-Z][a-zA-Z0-9_]{0,62}$/, 'expected letters, digits and _, a letter first'),
  uses: z.string().min(1).max(128),
  with: z.record(z.string().max(256), z.unknown()).default({}),
  if: z.string().min(1).max(65_536).optional(),
  timeout: duration(10, 3_600_000).default(10_000),
  retry: z
    .strictObject({
      attempts: z.int().min(1).max(20).default(3),
      backoff: duration(10, 600_000).default(1_000),
      most: duration(10, 3_600_000).default(60_000),
    })
    .default({ attempts: 1, backoff: 1_000, most: 60_000 }),
  on_error: z.enum(['stop', 'continue']).default('stop'),
});

/** A playbook as it is written. Everything that the schema cannot see (actions, conditions, templates) `load.ts` checks. */
export const playbookSchema = z.strictObject({
  playbook: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'expected small letters, digits and -'),
  description: z.string().max(4_096).default(''),
  mode: z.enum(['enforce', 'dry-run']).optional(),
  on: triggerSchema,
  steps: z.array(stepSchema).min(1).max(32),
});

export type WrittenPlaybook = z.output<typeof playbookSchema>;

const keys = {
  playbook: Object.keys(playbookSchema.shape),
  on: ['rules', 'tags', 'priority', 'source', 'condition'],
  step: Object.keys(stepSchema.shape),
  retry: ['attempts', 'backoff', 'most'],
};

/** The keys that may stand at this path of a playbook, for suggestions. */
export function keysAt(path: readonly (string | number)[]): readonly string[] {
  const last = path.at(-1);
  if (last === undefined) return keys.playbook;
  if (typeof last === 'number') return keys.step;
  return last === 'on' || last === 'retry' ? keys[last] : [];
}
