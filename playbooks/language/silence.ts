import * as z from 'zod';
import { makeScopeCatalogue } from './alert-fields.ts';
import { checkCondition } from './check-fields.ts';
import { instant } from './duration.ts';
import { reportIssue } from './issue.ts';
import { mapOf } from './outline.ts';
import type { Scope, Silence } from './playbook.ts';
import { condition } from './step-schema.ts';
import type { Report, Written } from './written.ts';

/** A silence for several playbooks: a document of its own beside them, or made by a person (router/store/silences.ts). */
export const silenceSchema = z
  .strictObject({
    silence: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'expected small letters, digits and -')
      .describe('Its name.'),
    condition: condition.describe('Alerts for which this holds start no playbook.'),
    playbooks: z.array(z.string().min(1).max(63)).min(1).max(256).optional().describe('Only these; all if left out.'),
    from: instant.optional().describe('When it begins; at once if left out.'),
    until: instant.describe('Every silence ends.'),
    by: z.string().min(1).max(256).describe('Who wants it.'),
    reason: z.string().min(1).max(1_024).describe('Why, for people.'),
  })
  .refine(({ from, until }) => from === undefined || from < until, { path: ['until'], message: 'is before from' });

/** A silence, and the playbooks that it is for; `undefined`: all. */
export type SharedSilence = Silence & { readonly playbooks: readonly string[] | undefined };

export function isSilence({ value }: Written): boolean {
  return mapOf(value)['silence'] !== undefined;
}

/** Reads a document that is a silence, and reports every mistake in it. */
export function readSilence(written: Written, report: Report): SharedSilence | undefined {
  const read = silenceSchema.safeParse(written.value);
  const keys = Object.keys(silenceSchema.shape);
  for (const issue of read.success ? [] : read.error.issues) reportIssue(issue, [], written, () => keys);
  const guard =
    typeof mapOf(written.value)['condition'] === 'string'
      ? checkCondition(['condition'], makeScopeCatalogue([], 'alert'), written, report)
      : undefined;
  if (!read.success || guard === undefined) return undefined;
  const { silence: name, playbooks, from: fromMs, until: untilMs, by, reason } = read.data;
  return { name, condition: guard, playbooks, fromMs, untilMs, by, reason };
}

/** Pure: whether it silences this alert now. */
export function holds({ condition: guard, fromMs = 0, untilMs }: Silence, scope: Scope, nowMs: number): boolean {
  return nowMs >= fromMs && nowMs < untilMs && guard(scope);
}

/** As decisions, journals and people are told. */
export function describeSilence({ name, by, untilMs, reason }: Silence): string {
  const who = [name, by].filter((one) => one !== undefined).map((one) => ` by ${one}`);
  return `silenced${who.join('')} until ${new Date(untilMs).toISOString()}${reason === '' ? '' : `: ${reason}`}`;
}
