import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import type { RunMode } from '#playbooks/language/run';
import type { Priority } from '#rules/alert';
import { readArgs, UsageError } from '#rules/cli/command-line';
import type { AppendOutput } from '#rules/language/append-output';
import { renderDiagnostic } from '#rules/language/diagnostic';
import type { Selection } from '#rules/language/selection';
import { type Configuration, emptyConfiguration, readConfiguration } from './configuration.ts';
import { type EngineSocket, readEngineSocket } from './engine-socket.ts';
import type { FalcoJsonParts } from './json-parts.ts';
import { type KubernetesAccess, readInCluster, readKubeconfig } from './kubernetes.ts';
import type { ListenAddress } from './limits.ts';
import type { MemoryProfile } from './memory.ts';
import { type OutputSettings, readOutputs } from './outputs.ts';
import type { ResponseSettings } from './protection.ts';

export type AgentOptions = {
  /** Files and folders; empty: the built-in rules. */
  readonly rulePaths: readonly string[];
  /** Files and folders of playbooks with steps that this node carries out by itself. */
  readonly playbookPaths: readonly string[];
  /** Of playbooks that name none. */
  readonly mode: RunMode;
  readonly matching: 'first' | 'all';
  /** Less severe rules are not watched for. */
  readonly minPriority: Priority | undefined;
  /** Rules switched on and off, whatever their files say. */
  readonly selections: readonly Selection[];
  readonly appendOutput: readonly AppendOutput[];
  /** Times in texts in ISO 8601 and UTC, not as the local time of day. */
  readonly isoTimes: boolean;
  readonly output: 'json' | 'text' | 'colour';
  /** What alerts as JSON hold, on standard output and in the file. */
  readonly jsonParts: FalcoJsonParts;
  /** What the file of outputs asks for; `undefined`: there is none, and alerts go to standard output. */
  readonly outputs: readonly OutputSettings[] | undefined;
  /** Alerts are appended to this file as well. */
  readonly alertsFile: string | undefined;
  readonly router: { readonly url: URL; readonly tokenFile: string } | undefined;
  readonly dataFolder: string;
  /** Room on disk for alerts that the router has not taken. */
  readonly spoolMaxBytes: number;
  /** Where names of the host's users and groups come from. */
  readonly users: 'files' | 'nss';
  readonly memory: MemoryProfile;
  /** Of one core, 1 is the whole. */
  readonly cpuLimit: number | undefined;
  readonly metricsListen: ListenAddress | undefined;
  readonly response: ResponseSettings;
  /** What the router calls this host. */
  readonly node: string;
  /** Container engines besides those at the known places. */
  readonly engines: readonly EngineSocket[];
  readonly orchestrators: OrchestratorOptions;
  /** What alerts call this host. */
  readonly hostname: string;
};

/** Whom the agent asks about the pods and tasks of this host. */
export type OrchestratorOptions = {
  readonly kubernetes: { readonly access: KubernetesAccess; readonly node: string } | undefined;
  /** The Mesos agent of this host. */
  readonly mesosAgent: URL | undefined;
  readonly marathon: URL | undefined;
};

export const AGENT_USAGE =
  '[--config F] [--profile default|strict|all] [--rules PATH…] [--playbooks PATH…] [--enforce] [--json] [--matching first|all] [--router URL] [--token-file F] [--data DIR] [--node NAME] [--alerts-file F] [--engine NAME=SOCKET] [--kubeconfig F] [--kubernetes-node NAME] [--mesos-agent URL] [--marathon URL]';

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

const routerUrl = z.url({ protocol: /^https?$/, error: 'expected http://HOST:PORT or https://HOST:PORT' });
const path = z.string().min(1, 'expected a path');

const schema = z.strictObject({
  rules: z.array(path).default([]),
  playbooks: z.array(path).default([]),
  enforce: z.boolean().default(false),
  json: z.boolean().default(false),
  config: path.optional(),
  profile: z.enum(['default', 'strict', 'all'], { error: 'expected default, strict or all' }).default('default'),
  matching: z.enum(['first', 'all'], { error: 'expected first or all' }).optional(),
  router: routerUrl.optional(),
  'token-file': path.optional(),
  data: path.optional(),
  node: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/, 'expected a name of letters, digits, dots, dashes and underscores')
    .optional(),
  'alerts-file': path.optional(),
  kubeconfig: path.optional(),
  'kubernetes-node': path.optional(),
  'mesos-agent': routerUrl.optional(),
  marathon: routerUrl.optional(),
  engine: z
    .array(
      z.string().transform((text, context) => {
        const socket = readEngineSocket(text);
        if (socket !== undefined) return socket;
        context.addIssue('expected docker, podman, containerd or cri-o, then = and an absolute path');
        return z.NEVER;
      }),
    )
    .default([]),
});

type Surroundings = {
  readonly isTerminal: boolean;
  readonly hostnameOverride: string | undefined;
  readonly environment?: Readonly<Record<string, string | undefined>>;
};

/** Reads the command line once; whatever is wrong with it is a UsageError that names the option. */
export function readAgentOptions(
  args: readonly string[],
  { isTerminal, hostnameOverride, environment = {} }: Surroundings,
): AgentOptions {
  const { values, positionals } = readArgs(repeatFlags(args), {
    rules: { type: 'string', multiple: true },
    playbooks: { type: 'string', multiple: true },
    enforce: { type: 'boolean' },
    json: { type: 'boolean' },
    config: { type: 'string' },
    profile: { type: 'string' },
    matching: { type: 'string' },
    router: { type: 'string' },
    'token-file': { type: 'string' },
    data: { type: 'string' },
    node: { type: 'string' },
    'alerts-file': { type: 'string' },
    engine: { type: 'string', multiple: true },
    kubeconfig: { type: 'string' },
    'kubernetes-node': { type: 'string' },
    'mesos-agent': { type: 'string' },
    marathon: { type: 'string' },
  });
  if (positionals[0] !== undefined) {
    throw new UsageError(
      `unexpected argument ${JSON.stringify(positionals[0])}; rule files follow --rules, playbooks --playbooks`,
    );
  }
  const read = schema.safeParse({ ...values });
  if (!read.success) {
    const [issue] = read.error.issues;
    throw new UsageError(`--${issue?.path[0]?.toString()}: ${issue?.message}`);
  }
  const options = read.data;
  const configuration = options.config === undefined ? emptyConfiguration : readConfigurationFile(options.config);
  const dataFolder = resolve(options.data ?? defaultDataFolder());
  const host = hostname();
  return {
    rulePaths: options.rules.length > 0 ? options.rules : (configuration.rulesFiles ?? []),
    playbookPaths: options.playbooks.length > 0 ? options.playbooks : configuration.playbooks,
    mode: options.enforce ? 'enforce' : 'dry-run',
    matching: options.matching ?? configuration.matching ?? 'first',
    minPriority: configuration.minPriority,
    selections: [...profiles[options.profile], ...configuration.selections],
    appendOutput: configuration.appendOutput,
    isoTimes: configuration.isoTimes,
    output: options.json || configuration.json === true ? 'json' : isTerminal ? 'colour' : 'text',
    jsonParts: configuration.jsonParts,
    outputs: configuration.outputsFile === undefined ? undefined : readOutputsFile(configuration.outputsFile),
    alertsFile: options['alerts-file'] === undefined ? undefined : resolve(options['alerts-file']),
    router:
      options.router === undefined
        ? undefined
        : { url: new URL(options.router), tokenFile: resolve(options['token-file'] ?? join(dataFolder, 'token')) },
    dataFolder,
    spoolMaxBytes: configuration.spoolMaxBytes,
    users: configuration.users,
    memory: configuration.memory,
    cpuLimit: configuration.cpuLimit,
    metricsListen: configuration.metricsListen,
    response: configuration.response,
    node: options.node ?? host,
    engines: options.engine,
    orchestrators: {
      kubernetes: readKubernetes(options, environment, host),
      mesosAgent: options['mesos-agent'] === undefined ? undefined : new URL(options['mesos-agent']),
      marathon: options.marathon === undefined ? undefined : new URL(options.marathon),
    },
    hostname: hostnameOverride ?? host,
  };
}

/** What a profile switches on beyond the rules that are on as they come. */
const profiles: Readonly<Record<'default' | 'strict' | 'all', readonly Selection[]>> = {
  default: [],
  strict: [{ action: 'enable', by: 'tag', pattern: 'strict' }],
  all: [{ action: 'enable', by: 'rule', pattern: '*' }],
};

/** Paths in the file are meant from the folder that it stands in. */
function readConfigurationFile(file: string): Configuration {
  const read = readConfiguration({ path: file, text: readText(file) });
  if (!read.ok) throw new UsageError(`--config: mistakes in ${file}\n${read.errors.map(renderDiagnostic).join('\n')}`);
  const { rulesFiles, playbooks, outputsFile } = read.configuration;
  const from = (path: string): string => resolve(dirname(file), path);
  return {
    ...read.configuration,
    rulesFiles: rulesFiles?.map(from),
    playbooks: playbooks.map(from),
    outputsFile: outputsFile === undefined ? undefined : from(outputsFile),
  };
}

function readOutputsFile(file: string): readonly OutputSettings[] {
  const read = readOutputs({ path: file, text: readText(file) });
  if (read.ok) return read.outputs;
  throw new UsageError(`--config: mistakes in ${file}\n${read.errors.map(renderDiagnostic).join('\n')}`);
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`--config: ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Inside a cluster, what kubelet gave the pod; a kubeconfig that is named goes first. NODE_NAME is how manifests hand it down. */
function readKubernetes(
  options: { readonly kubeconfig?: string | undefined; readonly 'kubernetes-node'?: string | undefined },
  environment: Readonly<Record<string, string | undefined>>,
  host: string,
): OrchestratorOptions['kubernetes'] {
  const node = options['kubernetes-node'] ?? environment['NODE_NAME'] ?? host;
  if (options.kubeconfig === undefined) {
    const access = readInCluster(environment);
    return access && { access, node };
  }
  const read = readKubeconfig(resolve(options.kubeconfig));
  if (!read.ok) throw new UsageError(`--kubeconfig: ${read.reason}`);
  return { access: read.access, node };
}

const repeated: readonly string[] = ['--rules', '--playbooks'];

/** `--rules A B C` means `--rules A --rules B --rules C`: what a shell makes of a pattern. */
function repeatFlags(args: readonly string[]): readonly string[] {
  const words: string[] = [];
  let flag: string | undefined;
  for (const [index, word] of args.entries()) {
    if (word.startsWith('-')) flag = repeated.find((one) => one === word);
    else if (flag !== undefined && args[index - 1] !== flag) words.push(flag);
    words.push(word);
  }
  return words;
}

/** Beside the code in a checkout, where the system keeps such things when installed. */
export function defaultDataFolder(): string {
  return existsSync(join(root, '.git')) ? join(root, '.lanner') : '/var/lib/lanner';
}
