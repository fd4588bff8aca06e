import * as z from 'zod';
import { reportIssue } from '#playbooks/language/issue';
import { readWritten } from '#playbooks/language/written';
import { type Priority, parsePriority, priorities } from '#rules/alert';
import type { AppendOutput, ConfiguredField } from '#rules/language/append-output';
import type { Diagnostic } from '#rules/language/diagnostic';
import type { Selection } from '#rules/language/selection';
import type { SourceFile } from '#rules/language/source';
import { allParts, type FalcoJsonParts } from './json-parts.ts';
import { cpuLimit, type ListenAddress, listenAddress } from './limits.ts';
import { type MemoryProfile, memoryNames, memoryProfiles } from './memory.ts';
import { type ResponseSettings, responseKeys, responseSchema, usualResponse } from './protection.ts';

/**
 * The agent's configuration file, as far as the command line does not say otherwise. Keys are Falco's where Falco has
 * them, so that this part of a `falco.yaml` can be taken over.
 */
export type Configuration = {
  readonly rulesFiles: readonly string[] | undefined;
  /** The file of the agent's own outputs. */
  readonly outputsFile: string | undefined;
  /** Files and folders. */
  readonly playbooks: readonly string[];
  readonly matching: 'first' | 'all' | undefined;
  /** Less severe rules are not watched for. */
  readonly minPriority: Priority | undefined;
  readonly selections: readonly Selection[];
  readonly appendOutput: readonly AppendOutput[];
  readonly json: boolean | undefined;
  readonly jsonParts: FalcoJsonParts;
  /** Times in texts in ISO 8601 and UTC, not as the local time of day. */
  readonly isoTimes: boolean;
  /** Room on disk for alerts that the router has not taken. */
  readonly spoolMaxBytes: number;
  /** Where names of the host's users and groups come from. */
  readonly users: 'files' | 'nss';
  readonly memory: MemoryProfile;
  /** Of one core, 1 is the whole; the dearest types of events are given up beyond it. */
  readonly cpuLimit: number | undefined;
  /** Where metrics can be asked for over TCP. */
  readonly metricsListen: ListenAddress | undefined;
  readonly response: ResponseSettings;
};

const MIB = 1024 * 1024;

export const emptyConfiguration: Configuration = {
  rulesFiles: undefined,
  outputsFile: undefined,
  playbooks: [],
  matching: undefined,
  minPriority: undefined,
  selections: [],
  // As in the configuration that comes with Falco: the published rules count on it to name the container.
  appendOutput: [{ suggested: true }],
  json: undefined,
  jsonParts: allParts,
  isoTimes: false,
  spoolMaxBytes: 256 * MIB,
  users: 'files',
  memory: memoryProfiles.default,
  cpuLimit: undefined,
  metricsListen: undefined,
  response: usualResponse,
};

const text = z.string().min(1, 'expected a text');

const priority = z.string().transform((word, context): Priority => {
  const found = parsePriority(word);
  if (found !== undefined) return found;
  context.addIssue(`expected one of ${priorities.join(', ')}`);
  return z.NEVER;
});

const one = z
  .strictObject({ rule: text.optional(), tag: text.optional() })
  .refine((value) => (value.rule === undefined) !== (value.tag === undefined), 'expected either rule or tag');

const entry = z
  .strictObject({ enable: one.optional(), disable: one.optional() })
  .refine(
    (value) => (value.enable === undefined) !== (value.disable === undefined),
    'expected either enable or disable',
  );

const extraField = z.union([text, z.record(text, text)], {
  error: 'expected the name of a field, or a name with an output: {who: "%proc.name"}',
});

const addition = z.strictObject({
  match: z.strictObject({ rule: text.optional(), source: text.optional(), tags: z.array(text).optional() }).optional(),
  extra_output: text.optional(),
  suggested_output: z.boolean().default(false),
  extra_fields: z.array(extraField).max(64).optional(),
  extra_tags: z.array(text).max(64).optional(),
});

const schema = z.strictObject({
  rules_files: z.array(text).min(1, 'expected a path').optional(),
  outputs_file: text.optional(),
  rule_matching: z.enum(['first', 'all'], { error: 'expected first or all' }).optional(),
  priority: priority.optional(),
  rules: z.array(entry).max(10_000).default([]),
  playbooks: z.array(text).max(1_000).default([]),
  append_output: z.array(addition).max(1_000).optional(),
  json_output: z.boolean().optional(),
  json_include_message_property: z.boolean().default(allParts.message),
  json_include_output_property: z.boolean().default(allParts.output),
  json_include_output_fields_property: z.boolean().default(allParts.outputFields),
  json_include_tags_property: z.boolean().default(allParts.tags),
  time_format_iso_8601: z.boolean().default(false),
  spool_max_bytes: z
    .int('expected a whole number of bytes')
    .min(16 * MIB, `expected at least ${16 * MIB}, 16 MiB`)
    .default(emptyConfiguration.spoolMaxBytes),
  nss: z.boolean({ error: 'expected true or false' }).default(false),
  memory: z.enum(memoryNames, { error: `expected ${memoryNames.join(', ')}` }).default('default'),
  cpu_limit: cpuLimit.optional(),
  metrics_listen: listenAddress.optional(),
  response: responseSchema.default(emptyConfiguration.response),
});

const keys: Readonly<Record<string, readonly string[]>> = {
  rules: ['enable', 'disable'],
  enable: ['rule', 'tag'],
  disable: ['rule', 'tag'],
  append_output: Object.keys(addition.shape),
  match: ['rule', 'source', 'tags'],
  ...responseKeys,
};

/** The keys that may stand at a path, for suggestions. */
function keysAt(path: readonly (string | number)[]): readonly string[] {
  const named = path.findLast((step) => typeof step === 'string');
  return named === undefined ? Object.keys(schema.shape) : (keys[named] ?? []);
}

export type ConfigurationResult =
  | { readonly ok: true; readonly configuration: Configuration }
  | { readonly ok: false; readonly errors: readonly Diagnostic[] };

/** Reads the file; every mistake in it is reported, and nothing of it is used then. */
export function readConfiguration(file: SourceFile): ConfigurationResult {
  const errors: Diagnostic[] = [];
  const written = readWritten(
    file,
    (code, message, source, span) => errors.push({ code, message, source, span }),
    `a map with keys such as ${Object.keys(schema.shape).slice(0, 3).join(', ')}`,
  );
  const [first, second] = written;
  if (second !== undefined) second.fail([], 'expected one configuration in a file');
  if (first === undefined || errors.length > 0) {
    return errors.length > 0 ? { ok: false, errors } : { ok: true, configuration: emptyConfiguration };
  }
  const read = schema.safeParse(first.value);
  if (!read.success) {
    for (const issue of read.error.issues) reportIssue(issue, [], first, keysAt);
    return { ok: false, errors };
  }
  const value = read.data;
  return {
    ok: true,
    configuration: {
      rulesFiles: value.rules_files,
      outputsFile: value.outputs_file,
      playbooks: value.playbooks,
      matching: value.rule_matching,
      minPriority: value.priority,
      selections: value.rules.map(toSelection),
      appendOutput: value.append_output?.map(toAddition) ?? emptyConfiguration.appendOutput,
      json: value.json_output,
      jsonParts: {
        message: value.json_include_message_property,
        output: value.json_include_output_property,
        outputFields: value.json_include_output_fields_property,
        tags: value.json_include_tags_property,
      },
      isoTimes: value.time_format_iso_8601,
      spoolMaxBytes: value.spool_max_bytes,
      users: value.nss ? 'nss' : 'files',
      memory: memoryProfiles[value.memory],
      cpuLimit: value.cpu_limit,
      metricsListen: value.metrics_listen,
      response: value.response,
    },
  };
}

function toSelection({ enable, disable }: z.output<typeof entry>): Selection {
  const { rule, tag = '' } = enable ?? disable ?? {};
  const action = enable === undefined ? 'disable' : 'enable';
  return rule === undefined ? { action, by: 'tag', pattern: tag } : { action, by: 'rule', pattern: rule };
}

function toAddition(read: z.output<typeof addition>): AppendOutput {
  const {
    match: { rule, source, tags } = {},
    extra_output,
    suggested_output,
    extra_fields = [],
    extra_tags = [],
  } = read;
  return {
    ...(rule === undefined ? {} : { rule }),
    ...(source === undefined ? {} : { source }),
    ...(tags === undefined ? {} : { tags }),
    ...(extra_output === undefined ? {} : { text: extra_output }),
    suggested: suggested_output,
    extraTags: extra_tags,
    extraFields: extra_fields.flatMap((field): readonly ConfiguredField[] =>
      typeof field === 'string'
        ? [{ kind: 'value', field }]
        : Object.entries(field).map(([name, template]) => ({ kind: 'text', name, template })),
    ),
  };
}
