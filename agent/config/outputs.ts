import * as z from 'zod';
import { makeScopeCatalogue } from '#playbooks/language/alert-fields';
import { duration } from '#playbooks/language/duration';
import { reportIssue } from '#playbooks/language/issue';
import { readWritten, type Written } from '#playbooks/language/written';
import { type Priority, parsePriority, priorities } from '#rules/alert';
import type { Diagnostic } from '#rules/language/diagnostic';
import { type SourceFile, sourceOf } from '#rules/language/source';
import { readTemplate, type Template } from '#rules/language/template';

/** The agent's own outputs, a file beside its configuration: where alerts go without a router, or beside one. */
export type OutputSettings = {
  /** Unique in the file: counters and messages go by it. */
  readonly name: string;
  readonly select: {
    /** Less severe alerts do not go there. */
    readonly minPriority: Priority | undefined;
    /** Names of rules, with `*`; of these one fits, or one of the tags is there. Both empty: every alert. */
    readonly rules: readonly string[];
    readonly tags: readonly string[];
  };
  readonly format: OutputFormat;
  /** At most so many alerts in such a time, and as many at once. */
  readonly rate: { readonly alerts: number; readonly perMs: number } | undefined;
  readonly to: OutputTarget;
};

export type OutputFormat =
  | { readonly kind: 'json' }
  | { readonly kind: 'text' }
  | { readonly kind: 'template'; readonly template: Template };

export type OutputTarget =
  | { readonly kind: 'stdout' }
  | {
      readonly kind: 'file';
      readonly path: string;
      /** Another file is begun before this one grows larger; `undefined`: never. */
      readonly rotateBytes: number | undefined;
      /** Earlier files that are kept. */
      readonly keep: number;
    }
  | { readonly kind: 'syslog'; readonly to: SyslogAddress; readonly facility: number; readonly appName: string }
  | { readonly kind: 'program'; readonly argv: readonly [string, ...string[]]; readonly keepRunning: boolean }
  | { readonly kind: 'http'; readonly url: URL; readonly tokenFile: string | undefined; readonly tls: TlsFiles };

export type SyslogAddress =
  /** A datagram or stream socket of the file system. */
  | { readonly kind: 'local'; readonly socket: string }
  | { readonly kind: 'udp'; readonly host: string; readonly port: number }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'tls'; readonly host: string; readonly port: number; readonly tls: TlsFiles };

/** Paths of PEM files. */
export type TlsFiles = {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
};

/** RFC 5424, table 1: the place in the list is the code. */
const facilities = [
  ...['kern', 'user', 'mail', 'daemon', 'auth', 'syslog', 'lpr', 'news', 'uucp', 'cron', 'authpriv', 'ftp'],
  ...['ntp', 'audit', 'alert', 'clock', 'local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7'],
] as const;

const MOST_OUTPUTS = 32;
const text = z
  .string()
  .min(1, 'expected a text')
  .max(4_096)
  .regex(/^[^\0]*$/, 'holds a NUL');
const path = text.startsWith('/', 'expected an absolute path');
const tlsFiles = { ca_file: path.optional(), cert_file: path.optional(), key_file: path.optional() };

const priority = z.string().transform((word, context): Priority => {
  const found = parsePriority(word);
  if (found !== undefined) return found;
  context.addIssue(`expected one of ${priorities.join(', ')}`);
  return z.NEVER;
});

const targets = {
  stdout: z.strictObject({}),
  file: z.strictObject({
    path,
    rotate_bytes: z.int().min(4_096, 'expected at least 4096').optional(),
    keep: z.int().min(0).max(1_000).default(5),
  }),
  syslog: z.strictObject({
    to: text.default('local'),
    facility: z.enum(facilities, { error: `expected one of ${facilities.join(', ')}` }).default('user'),
    app_name: z
      .string()
      .regex(/^[!-~]{1,48}$/, 'expected 1 to 48 letters without blanks')
      .default('lanner'),
    ...tlsFiles,
  }),
  program: z.strictObject({
    argv: z.tuple([path], text).refine(({ length }) => length <= 256, 'expected at most 256 arguments'),
    keep_running: z.boolean().default(true),
  }),
  http: z.strictObject({
    url: z.url({ protocol: /^https?$/, error: 'expected http://HOST/PATH or https://HOST/PATH' }),
    token_file: path.optional(),
    ...tlsFiles,
  }),
};
const kinds = ['stdout', 'file', 'syslog', 'program', 'http'] as const;

const schema = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/, 'expected letters, digits, - and _')
    .optional(),
  stdout: targets.stdout.optional(),
  file: targets.file.optional(),
  syslog: targets.syslog.optional(),
  program: targets.program.optional(),
  http: targets.http.optional(),
  priority: priority.optional(),
  rules: z.array(text).max(1_000).default([]),
  tags: z.array(text).max(1_000).default([]),
  format: text.default('json'),
  rate: z.strictObject({ alerts: z.int().min(1).max(1_000_000), per: duration(1_000, 86_400_000) }).optional(),
});

const keys: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(kinds.map((kind) => [kind, Object.keys(targets[kind].shape)])),
  rate: ['alerts', 'per'],
};

const keysAt = (at: readonly (string | number)[]): readonly string[] => {
  const named = at.findLast((step) => typeof step === 'string');
  return named === undefined ? Object.keys(schema.shape) : (keys[named] ?? []);
};

export type OutputsResult =
  | { readonly ok: true; readonly outputs: readonly OutputSettings[] }
  | { readonly ok: false; readonly errors: readonly Diagnostic[] };

/** Reads the file, a list of outputs; every mistake in it is reported, and nothing of it is used then. */
export function readOutputs(file: SourceFile): OutputsResult {
  const errors: Diagnostic[] = [];
  const written = readWritten(
    file,
    (code, message, source, span) => errors.push({ code, message, source, span }),
    'a list of outputs, each a map with one of stdout, file, syslog, program, http',
  );
  const outputs: OutputSettings[] = [];
  if (written.length > MOST_OUTPUTS) written[MOST_OUTPUTS]?.fail([], `more than ${MOST_OUTPUTS} outputs`);
  for (const one of written.slice(0, MOST_OUTPUTS)) {
    const read = schema.safeParse(one.value);
    if (!read.success) {
      for (const issue of read.error.issues) reportIssue(issue, [], one, keysAt);
      continue;
    }
    const output = readOutput(read.data, one, errors);
    if (output === undefined) continue;
    if (outputs.some(({ name }) => name === output.name)) {
      one.fail(read.data.name === undefined ? [] : ['name'], `two outputs are called ${output.name}; give one a name`);
    }
    outputs.push(output);
  }
  return errors.length > 0 ? { ok: false, errors } : { ok: true, outputs };
}

type Read = z.output<typeof schema>;

function readOutput(read: Read, written: Written, errors: Diagnostic[]): OutputSettings | undefined {
  const named = kinds.filter((kind) => read[kind] !== undefined);
  const [kind, second] = named;
  if (kind === undefined || second !== undefined) {
    written.fail([], `expected exactly one of ${kinds.join(', ')}${second ? `, found ${named.join(' and ')}` : ''}`);
    return undefined;
  }
  const to = readTarget(read, written);
  const format = readFormat(read.format, written, errors);
  if (to === undefined || format === undefined) return undefined;
  if (to.kind === 'http' && format.kind !== 'json') {
    written.fail(['format'], 'an HTTP output posts JSON, as Falco does; leave format out');
    return undefined;
  }
  return {
    name: read.name ?? kind,
    select: { minPriority: read.priority, rules: read.rules, tags: read.tags },
    format,
    rate: read.rate && { alerts: read.rate.alerts, perMs: read.rate.per },
    to,
  };
}

function readTarget(read: Read, written: Written): OutputTarget | undefined {
  if (read.stdout !== undefined) return { kind: 'stdout' };
  if (read.file !== undefined) {
    const { path, rotate_bytes, keep } = read.file;
    return { kind: 'file', path, rotateBytes: rotate_bytes, keep };
  }
  if (read.program !== undefined) {
    const { argv, keep_running } = read.program;
    return { kind: 'program', argv, keepRunning: keep_running };
  }
  if (read.http !== undefined) {
    const { url, token_file } = read.http;
    const tls = readTls('http', read.http, new URL(url).protocol === 'https:', written);
    return tls && { kind: 'http', url: new URL(url), tokenFile: token_file, tls };
  }
  if (read.syslog === undefined) return undefined;
  const to = readAddress(read.syslog, written);
  return (
    to && {
      kind: 'syslog',
      to,
      facility: facilities.indexOf(read.syslog.facility),
      appName: read.syslog.app_name,
    }
  );
}

/** RFC 5426, RFC 6587 and RFC 5425 in turn. */
const syslogPorts = { udp: 514, tcp: 601, tls: 6514 } as const;

function readAddress(syslog: NonNullable<Read['syslog']>, written: Written): SyslogAddress | undefined {
  const [, scheme, host = '', port] =
    /^(udp|tcp|tls):\/\/([A-Za-z0-9._-]+|\[[0-9a-fA-F:]+\])(?::(\d{1,5}))?$/.exec(syslog.to) ?? [];
  const tls = readTls('syslog', syslog, scheme === 'tls', written);
  if (tls === undefined) return undefined;
  if (syslog.to === 'local') return { kind: 'local', socket: '/dev/log' };
  if (syslog.to.startsWith('unix:/')) return { kind: 'local', socket: syslog.to.slice('unix:'.length) };
  if ((scheme !== 'udp' && scheme !== 'tcp' && scheme !== 'tls') || Number(port ?? 1) < 1 || Number(port) > 65_535) {
    written.fail(['syslog', 'to'], 'expected local, unix:/PATH, udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT');
    return undefined;
  }
  const place = { host: host.replace(/^\[|\]$/g, ''), port: Number(port ?? syslogPorts[scheme]) };
  return scheme === 'tls' ? { kind: scheme, ...place, tls } : { kind: scheme, ...place };
}

function readTls(
  target: string,
  { ca_file: ca, cert_file: cert, key_file: key }: { [name in keyof typeof tlsFiles]?: string | undefined },
  isEncrypted: boolean,
  written: Written,
): TlsFiles | undefined {
  if (!isEncrypted && (ca ?? cert ?? key) !== undefined) {
    written.fail([target], 'certificates are for encrypted connections');
    return undefined;
  }
  if ((cert === undefined) !== (key === undefined)) {
    written.fail([target], 'cert_file and key_file go together');
    return undefined;
  }
  return { ca, cert, key };
}

function readFormat(format: string, written: Written, errors: Diagnostic[]): OutputFormat | undefined {
  if (format === 'json' || format === 'text') return { kind: format };
  const { at } = written.at(['format']);
  if (!format.includes('%')) {
    written.fail(['format'], 'expected json, text, or a text with fields such as %alert.rule and %proc.name');
    return undefined;
  }
  // The places inside are those of the text itself when it stands on one line as it is.
  const value = written.at(['format']);
  const source = value.kind === 'text' ? value.toSource() : sourceOf(at.source.path, format);
  const read = readTemplate(source, makeScopeCatalogue([], 'alert'));
  if (read.ok) return { kind: 'template', template: read.template };
  for (const { message, at: place } of read.problems)
    errors.push({ code: 'LOAD_ERR_COMPILE_OUTPUT', message, source: place.source, span: place.span });
  return undefined;
}
