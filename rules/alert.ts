import * as z from 'zod';

/** Header of a request whose alerts were never sent before: the router need not look whether it has them. */
export const FIRST_HEADER = 'lanner-first';

/** Version of the `lanner` part of an alert on the wire. A router refuses a version that it does not know. */
export const ALERT_VERSION = 1;

/** Falco's priorities, most severe first; the index is the syslog severity (0..7). */
export const priorities = [
  'Emergency',
  'Alert',
  'Critical',
  'Error',
  'Warning',
  'Notice',
  'Informational',
  'Debug',
] as const;

export type Priority = (typeof priorities)[number];

/** Case-insensitive, with `info` for Informational, as Falco reads it. `undefined`: not a priority. */
export function parsePriority(text: string): Priority | undefined {
  const wanted = text.toLowerCase();
  if (wanted === 'info') return 'Informational';
  return priorities.find((priority) => priority.toLowerCase() === wanted);
}

/** 0 (Emergency) to 7 (Debug): smaller is more severe. */
export function severityOf(priority: Priority): number {
  return priorities.indexOf(priority);
}

const prioritySchema = z.string().transform((text, context): Priority => {
  const priority = parsePriority(text);
  if (priority === undefined) {
    context.addIssue({ code: 'custom', message: `unknown priority; expected one of ${priorities.join(', ')}` });
    return z.NEVER;
  }
  return priority;
});

const oneValueSchema = z.union([z.string().max(65_536), z.number(), z.bigint(), z.boolean(), z.null()]);
const fieldValueSchema = z.union([oneValueSchema, z.array(oneValueSchema).max(1_024)]);

/**
 * A field's value in an alert: missing values are `null`, as in Falco's JSON. Integers beyond 2^53 are bigints where they
 * are made; `alertJson` writes them and `parseAlertJson` reads them.
 */
export type AlertFieldValue = z.output<typeof fieldValueSchema>;

/** A decimal integer beyond 2^53, kept as text in JSON. */
const decimal = z.string().regex(/^\d{1,20}$/);

/**
 * How a program went on for which steps in the kernel fired. `killed`: before its first instruction. `dry-run`: it would have
 * been. `stopped`, `capped`, `spared`: the off switch, the node's cap or a guard rail said no. `failed`: the kernel refused.
 * `denied`: the exec failed with EPERM.
 */
export const reflexVerdicts = ['killed', 'dry-run', 'stopped', 'capped', 'spared', 'failed', 'denied'] as const;

const reflexSchema = z.strictObject({
  verdict: z.enum(reflexVerdicts),
  /** Those that fired, `PLAYBOOK/STEP`. */
  steps: z.array(z.string().max(512)).max(64),
});

/**
 * What a Lanner agent adds to Falco's keys, so that a response can find its target again: ids are never guessed from
 * the text. Process identity is (pid, start time): `start_ns` is the thread-group leader's start_boottime in
 * nanoseconds since boot, and `boot_id` says which boot that was.
 */
const lannerPartSchema = z.strictObject({
  version: z.literal(ALERT_VERSION),
  /** UUID version 7, made on the node: time-ordered and unique; every later hop recognises repeats by it. */
  id: z.uuid(),
  /** The node that raised the alert; node commands go back there. */
  node: z.string().min(1).max(253),
  boot_id: z.string().max(64).optional(),
  event: z.strictObject({ type: z.string().max(64), time_ns: decimal }).optional(),
  process: z
    .strictObject({ pid: z.int().positive(), tid: z.int().positive().optional(), start_ns: decimal })
    .optional(),
  container: z.strictObject({ id: z.string().min(1).max(128), engine: z.string().max(32).optional() }).optional(),
  /** The kernel's own response to this event. */
  reflex: reflexSchema.optional(),
  /** Set when the engine had not answered when the alert was raised. */
  enrichment: z.literal('pending').optional(),
});

/** An alert as it crosses the wire: Falco's keys, plus `lanner` when one of our agents raised it. */
export const alertSchema = z.strictObject({
  time: z
    .string()
    .regex(
      /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:?\d{2})$/,
      'expected ISO 8601 with up to nanoseconds',
    ),
  rule: z.string().min(1).max(1_024),
  priority: prioritySchema,
  source: z.string().max(128).default('syscall'),
  hostname: z.string().max(253).default(''),
  output: z.string().max(262_144).default(''),
  output_fields: z.record(z.string().max(512), fieldValueSchema).default({}),
  tags: z.array(z.string().max(256)).max(256).default([]),
  /** Falco's `json_include_message_property`. */
  message: z.string().max(262_144).optional(),
  /** Falcosidekick's id. */
  uuid: z.string().max(64).optional(),
  lanner: lannerPartSchema.optional(),
});

export type Alert = z.output<typeof alertSchema>;
export type LannerPart = z.output<typeof lannerPartSchema>;
