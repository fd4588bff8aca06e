import * as z from 'zod';

/** Version of the messages between a router and its nodes. */
export const CHANNEL_VERSION = 1;

const id = z.string().min(1).max(512);

/** Full (64 hex) or short (12 hex) id, as the engine writes it. */
const container = z.string().min(1).max(128);

/** What is meant beside the process that raised the alert: nothing else, all its descendants, or all of its session. */
const scope = z.enum(['process', 'tree', 'session'], { error: 'expected process, tree or session' }).default('process');

/** An IPv4 or IPv6 address, or a network: 10.0.0.0/8. */
const network = z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()], {
  error: 'expected an address or a network such as 10.0.0.0/8',
});

/** Parameters of each action that a node carries out. The playbook checker, the router and the agent all read this. */
export const nodeActionParams = {
  'process.kill': z.strictObject({
    scope,
    /** Only in the kernel, where it has BPF LSM: the exec fails with EPERM, and its process lives on. */
    deny: z.boolean().default(false),
  }),
  'process.stop': z.strictObject({ scope }),
  'process.resume': z.strictObject({ scope }),
  'container.kill': z.strictObject({ container }),
  'container.stop': z.strictObject({
    container,
    /** What its first process gets to end by itself after SIGTERM; SIGKILL follows. */
    grace_s: z.int().min(0).max(300).default(5),
  }),
  'container.pause': z.strictObject({ container }),
  'container.unpause': z.strictObject({ container }),
  'container.remove': z.strictObject({ container }),
  'network.isolate': z.strictObject({ container, allow: z.array(network).max(64).default([]) }),
  /** Takes what isolating was given, so that a step's undo has its parameters; only the container counts. */
  'network.restore': z.strictObject({ container, allow: z.array(network).max(64).default([]) }),
  'file.quarantine': z.strictObject({
    /** As the container sees it, from its root. */
    path: z.string().min(1).max(4_096).startsWith('/', { error: 'expected an absolute path' }),
    container: container.default('host'),
  }),
  'evidence.collect': z.strictObject({
    /** All of its processes; of the host, the process of the alert, what led to it and its descendants. */
    container: container.default('host'),
    /** Of all that is collected, before it is compressed. */
    most_mb: z.int().min(1).max(1_024).default(64),
  }),
} as const;

export type NodeActionName = keyof typeof nodeActionParams;

/**
 * Router → node. `id` is the idempotency key (alert/playbook/step): a node journals it and answers a repeat with the
 * first receipt instead of acting again.
 */
export const commandSchema = z.strictObject({
  version: z.literal(CHANNEL_VERSION),
  kind: z.literal('command'),
  id,
  action: z.string().max(64),
  params: z.record(z.string(), z.unknown()),
  /** `dry-run`: find the target and check every guard, but do nothing. */
  mode: z.enum(['enforce', 'dry-run']),
  /** Milliseconds since the epoch; a node refuses a command that reaches it later. */
  deadline_ms: z.int().positive(),
  alert: z.strictObject({
    id,
    rule: z.string().max(1_024),
    process: z.strictObject({ pid: z.int().positive(), start_ns: z.string().regex(/^\d{1,20}$/) }).optional(),
    boot_id: z.string().max(64).optional(),
  }),
});

/**
 * How an action went. `gone`: the target no longer exists (or its pid now belongs to another process) and nothing was
 * touched. `refused`: a guard rail said no. `skipped`: dry run, nothing done.
 */
export const outcomes = ['done', 'failed', 'refused', 'gone', 'timed_out', 'skipped'] as const;
export type Outcome = (typeof outcomes)[number];

/** Node → router: the answer to one command. Sent again until the router acknowledges it. */
export const receiptSchema = z.strictObject({
  version: z.literal(CHANNEL_VERSION),
  kind: z.literal('receipt'),
  command: id,
  outcome: z.enum(outcomes),
  detail: z.string().max(4_096),
  /** Only for `failed`: whether trying again can help. */
  retry: z.boolean().default(false),
  started_ms: z.int().nonnegative(),
  finished_ms: z.int().nonnegative(),
});

/** Node → router, first message after the socket opens. */
const helloSchema = z.strictObject({
  version: z.literal(CHANNEL_VERSION),
  kind: z.literal('hello'),
  node: z.string().min(1).max(253),
  agent_version: z.string().max(64),
  boot_id: z.string().max(64),
  actions: z.array(z.string().max(64)).max(64),
});

/** The header with it as JSON in Base64; the body is a part of the archive, from byte `from` of the query on. */
export const EVIDENCE_HEADER = 'lanner-evidence';
/** Each part but the last; what is sent within one request must come through within seconds. */
export const EVIDENCE_PART_BYTES = 4 * 1024 * 1024;

/** Time and beginning of the hash: what is in it. */
export const evidenceId = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d{6}\.\d{3}Z-[0-9a-f]{16}$/, 'expected an id of evidence');

/** Node → router, by HTTP: an archive of evidence, a tar.zst. */
export const evidenceSchema = z.strictObject({
  id: evidenceId,
  node: z.string().min(1).max(253),
  alert: id,
  rule: z.string().max(1_024),
  container: z.string().max(128),
  bytes: z
    .int()
    .min(1)
    .max(2 * 1024 * 1024 * 1024),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  collected_ms: z.int().nonnegative(),
});

/** The router's answer: how much of it is there, and where it lies when it is all there. */
export const evidenceAnswerSchema = z.object({ have: z.int().nonnegative(), kept: z.string().max(4_096).optional() });

/** Router → node: the receipt for this command is stored; the node may forget it. */
export const ackSchema = z.strictObject({
  version: z.literal(CHANNEL_VERSION),
  kind: z.literal('ack'),
  command: id,
});

/** That nothing destructive may happen any more, and who said so. */
export const stopSchema = z.strictObject({
  /** Milliseconds since the epoch. */
  since_ms: z.int().nonnegative(),
  reason: z.string().max(1_024),
  by: z.string().max(253),
});

/** Router → node, after `hello` and when it changes: whether nodes may respond. */
const respondingSchema = z.strictObject({
  version: z.literal(CHANNEL_VERSION),
  kind: z.literal('responding'),
  /** `null`: they may. */
  stop: stopSchema.nullable(),
});

const commit = z.string().regex(/^[0-9a-f]{40,64}$/);

/** Router → node, after `hello` and when it changes: the commit of the repository that is used; its rules are fetched by HTTP. */
const revisionSchema = z.strictObject({ version: z.literal(CHANNEL_VERSION), kind: z.literal('revision'), commit });

/** Node → router: whether the rules of that commit are in use here. */
const rulesSchema = z.strictObject({
  version: z.literal(CHANNEL_VERSION),
  kind: z.literal('rules'),
  commit,
  ok: z.boolean(),
  problem: z.string().max(4_096).optional(),
});

export const fromRouterSchema = z.discriminatedUnion('kind', [
  commandSchema,
  ackSchema,
  respondingSchema,
  revisionSchema,
]);
export const fromNodeSchema = z.discriminatedUnion('kind', [helloSchema, receiptSchema, rulesSchema]);

export type NodeCommand = z.output<typeof commandSchema>;
export type Receipt = z.output<typeof receiptSchema>;
export type Stop = z.output<typeof stopSchema>;
export type Evidence = z.output<typeof evidenceSchema>;
export type Hello = z.output<typeof helloSchema>;
