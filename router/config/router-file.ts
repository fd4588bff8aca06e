import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { duration } from '#playbooks/language/duration';
import { reportIssue, valueAt } from '#playbooks/language/issue';
import { type Path, readWritten, type Written } from '#playbooks/language/written';
import type { Diagnostic } from '#rules/language/diagnostic';
import type { SourceFile } from '#rules/language/source';
import { type EvidenceSettings, evidenceSchema } from './evidence-settings.ts';
import { type GitSettings, gitSchema } from './git-settings.ts';
import { type KubernetesSettings, kubernetesSchema } from './kubernetes-settings.ts';
import { checkPeople, noPeople, type PeopleSettings, peopleShape } from './people-settings.ts';
import { type SecretReference, type SecretReferences, secretsSchema } from './secret-settings.ts';

/** Where messages go, as the configuration file names it. */
export type Destination = {
  readonly name: string;
  /** The action that sends to it. */
  readonly kind: string;
  /** What is its kind's own; secrets are still references. */
  readonly settings: unknown;
  /** Messages on their way at the same time, all replicas together; `undefined`: as the kind wants it. */
  readonly concurrency: number | undefined;
  readonly rate: { readonly count: number; readonly perMs: number } | undefined;
  /** For each attempt. */
  readonly timeoutMs: number;
  readonly retry: { readonly backoffMs: number; readonly mostMs: number; readonly giveUpMs: number };
  /** So many failures after another, and nothing is sent for so long; then one message tries. */
  readonly breaker: { readonly failures: number; readonly restMs: number };
  /** Messages are gathered and sent as one, so often or when there are so many. */
  readonly digest: { readonly everyMs: number; readonly most: number } | undefined;
  /** More than so many are not taken: the step fails. */
  readonly mostWaiting: number;
};

/** The router's configuration file. */
export type RouterFile = {
  readonly destinations: readonly Destination[];
  /** Where rules and playbooks come from instead of files. */
  readonly git: GitSettings | undefined;
  /** Files and folders with the rules that agents get. */
  readonly rules: readonly string[];
  readonly evidence: EvidenceSettings;
  /** `undefined`: the cluster of the router's own pod. */
  readonly kubernetes: KubernetesSettings | undefined;
  /** Those that lie in the cluster, by the name that playbooks use. */
  readonly secrets: ReadonlyMap<string, SecretReference>;
  readonly people: PeopleSettings;
};

export const emptyRouterFile: RouterFile = {
  destinations: [],
  git: undefined,
  rules: [],
  evidence: evidenceSchema.parse({}),
  kubernetes: undefined,
  secrets: new Map(),
  people: noPeople,
};

export type RouterFileResult =
  | { readonly ok: true; readonly file: RouterFile }
  | { readonly ok: false; readonly errors: readonly Diagnostic[] };

const MOST_DESTINATIONS = 64;
const rulePath = z
  .string()
  .regex(/^\/[^\0\n]*$/, 'expected an absolute path')
  .max(4_096);
const name = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'a destination is named by small letters, digits and -');

const digestSchema = z.strictObject({
  every: duration(1_000, 86_400_000),
  alerts: z.int().min(2).max(10_000).default(1_000),
});
/** Kinds for people; a pager and a machine want each message. */
const digesting = ['email', 'chat'];

const shared = {
  concurrency: z.int().min(1).max(1_000).optional(),
  rate: z.strictObject({ count: z.int().min(1).max(1_000_000), per: duration(100, 86_400_000) }).optional(),
  timeout: duration(100, 300_000).default(15_000),
  retry: z
    .strictObject({
      backoff: duration(10, 600_000).default(1_000),
      most: duration(10, 3_600_000).default(300_000),
      give_up_after: duration(1_000, 7 * 86_400_000).default(86_400_000),
    })
    .default({ backoff: 1_000, most: 300_000, give_up_after: 86_400_000 }),
  breaker: z
    .strictObject({ failures: z.int().min(1).max(10_000).default(5), rest: duration(100, 3_600_000).default(15_000) })
    .default({ failures: 5, rest: 15_000 }),
  digest: digestSchema.optional(),
  most_waiting: z.int().min(1).max(1_000_000).default(50_000),
};

/**
 * Reads the file; every mistake in it is reported. `kinds`: what destinations of each kind are set to; `s3`: what tells
 * of a bucket.
 */
export function readRouterFile(
  file: SourceFile,
  kinds: ReadonlyMap<string, z.ZodType<object>>,
  s3: z.ZodType<object>,
): RouterFileResult {
  const errors: Diagnostic[] = [];
  const written = readWritten(
    file,
    (code, message, source, span) => errors.push({ code, message, source, span }),
    'a map with keys such as destinations, git, people and groups',
  );
  const [first, second] = written;
  if (second !== undefined) second.fail([], 'expected one configuration in a file');
  if (first === undefined || errors.length > 0)
    return errors.length > 0 ? { ok: false, errors } : { ok: true, file: emptyRouterFile };
  const own = Object.fromEntries([...kinds.keys()].map((kind) => [kind, z.looseObject({}).optional()]));
  const destination = z.strictObject({ ...shared, ...own });
  const schema = z.strictObject({
    destinations: z.record(name, destination).default({}),
    git: gitSchema.optional(),
    rules: z.array(rulePath).max(64).default([]),
    evidence: evidenceSchema.optional(),
    kubernetes: kubernetesSchema.optional(),
    secrets: secretsSchema.optional(),
    ...peopleShape,
  });
  const read = schema.safeParse(first.value);
  const keysAt = (path: Path): readonly string[] => {
    if (path.length === 0) return Object.keys(schema.shape);
    if (path[0] === 'kubernetes') return path.length === 1 ? Object.keys(kubernetesSchema.shape) : [];
    if (path[0] === 'git') return path.length === 1 ? Object.keys(gitSchema.shape) : [];
    if (path[0] === 'evidence') return path.length === 1 ? Object.keys(evidenceSchema.shape) : shapeOf(s3);
    if (path[0] === 'secrets') return path.length === 2 ? ['kubernetes'] : [];
    if (path[0] === 'people') return path.length === 2 ? ['slack', 'email', 'token'] : [];
    if (path[0] === 'hooks') return path.length === 1 ? ['slack', 'pagerduty', 'opsgenie'] : [];
    if (path.length === 2) return Object.keys(destination.shape);
    if (path.length > 3) return [];
    const part = path[2] === 'retry' || path[2] === 'breaker' ? shared[path[2]].unwrap() : kinds.get(String(path[2]));
    return shapeOf(part);
  };
  if (!read.success) {
    for (const issue of read.error.issues) reportIssue(issue, [], first, keysAt);
    return { ok: false, errors };
  }
  const { evidence = emptyRouterFile.evidence } = read.data;
  if (evidence.s3 !== undefined) checkSettings(s3, ['evidence', 's3'], first, keysAt);
  const entries = Object.entries(read.data.destinations);
  if (entries.length > MOST_DESTINATIONS) first.fail(['destinations'], `more than ${MOST_DESTINATIONS} destinations`);
  const destinations = entries.flatMap(([called, value]): Destination[] => {
    const path = ['destinations', called];
    const used = [...kinds.keys()].filter((kind) => Reflect.get(value, kind) !== undefined);
    const [kind] = used;
    if (kind === undefined || used.length > 1) {
      first.fail(path, `${called}: expected exactly one of ${[...kinds.keys()].join(', ')}`);
      return [];
    }
    checkSettings(kinds.get(kind), [...path, kind], first, keysAt);
    const { concurrency, rate, timeout, retry, breaker, digest, most_waiting } = value;
    if (digest !== undefined && !digesting.includes(kind))
      first.fail([...path, 'digest'], `a digest is for ${digesting.join(' and ')}, not for ${kind}`);
    return [
      {
        name: called,
        kind,
        settings: Reflect.get(value, kind),
        concurrency,
        rate: rate === undefined ? undefined : { count: rate.count, perMs: rate.per },
        timeoutMs: timeout,
        retry: { backoffMs: retry.backoff, mostMs: retry.most, giveUpMs: retry.give_up_after },
        breaker: { failures: breaker.failures, restMs: breaker.rest },
        digest: digest === undefined ? undefined : { everyMs: digest.every, most: digest.alerts },
        mostWaiting: most_waiting,
      },
    ];
  });
  const { git, rules, kubernetes, secrets, people, groups, silences, hooks, public_url } = read.data;
  const whoIsWho: PeopleSettings = {
    people,
    groups,
    silences,
    hooks,
    ...(public_url === undefined ? {} : { public_url }),
  };
  checkPeople(whoIsWho, first);
  if (git !== undefined && rules.length > 0) first.fail(['rules'], 'rules come from git, or from files: not from both');
  if (errors.length > 0) return { ok: false, errors };
  return {
    ok: true,
    file: { destinations, git, rules, evidence, kubernetes, secrets: referencesOf(secrets), people: whoIsWho },
  };
}

function shapeOf(schema: z.ZodType<unknown> | undefined): readonly string[] {
  return schema !== undefined && 'shape' in schema ? Object.keys(Object(schema.shape)) : [];
}

/** Whether this file names a repository; whatever else is the matter with it, a router that reads it says. */
export function namesGit(path: string): boolean {
  try {
    const [first] = readWritten({ path, text: readFileSync(path, 'utf8') }, () => undefined, '');
    return typeof first?.value === 'object' && first.value !== null && 'git' in first.value;
  } catch {
    return false; // There is none, usually.
  }
}

const referencesOf = (secrets: SecretReferences | undefined): ReadonlyMap<string, SecretReference> =>
  new Map(Object.entries(secrets ?? {}).map(([name, { kubernetes }]) => [name, kubernetes]));

/** What a secret becomes is checked when it is filled in. */
function checkSettings(
  schema: z.ZodType<object> | undefined,
  base: Path,
  written: Written,
  keysAt: (path: Path) => readonly string[],
): void {
  const settings = valueAt(written.value, base);
  const read = schema?.safeParse(settings);
  if (read === undefined || read.success) return;
  for (const issue of read.error.issues) {
    const at = valueAt(settings, issue.path);
    if (issue.code !== 'unrecognized_keys' && typeof at === 'string' && at.includes('%{secret.')) continue;
    reportIssue(issue, base, written, keysAt);
  }
}
