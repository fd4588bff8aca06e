import type * as Library from '@kubernetes/client-node';
import { type KubernetesSettings, usualKubernetes } from '../config/kubernetes-settings.ts';
import { mayPass } from './http.ts';
import {
  describeNode,
  describePod,
  describePolicy,
  type NodeFacts,
  type PodFacts,
  type PolicyFacts,
} from './kubernetes-facts.ts';
import { retryAfterMs } from './retry-after.ts';

/** More of a kind in one list are not taken on: what is decided on a part would be decided wrongly. */
const MOST_LISTED = 5_000;
const MOST_SAID = 512;
const ACTING_MS = 60_000;

/** Why a request came to nothing, and whether it may go better later. */
export class KubernetesFault extends Error {
  override readonly name = 'KubernetesFault';
  /** `undefined`: no answer came. */
  readonly status: number | undefined;
  readonly retry: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(reason: string, status?: number, retry = false, wait?: number) {
    super(reason);
    this.status = status;
    this.retry = retry;
    this.retryAfterMs = wait;
  }
}

/** What an object's metadata becomes; `null` takes a key away. `version`: only if it is still this one. */
export type Patch = {
  readonly version: string;
  readonly labels?: Readonly<Record<string, string | null>>;
  readonly annotations?: Readonly<Record<string, string | null>>;
  /** Of a node. */
  readonly isCordoned?: boolean;
};

export type NewPolicy = Pick<Library.V1NetworkPolicy, 'metadata' | 'spec'>;
export type NewEvent = Library.CoreV1Event;

/** The API server, for one action. `isTry`: it says what it would say, and changes nothing. Rejects with a `KubernetesFault`. */
export type Cluster = {
  pod(namespace: string, name: string): Promise<PodFacts | undefined>;
  node(name: string): Promise<NodeFacts | undefined>;
  nodes(): Promise<readonly NodeFacts[]>;
  podsOfNode(node: string): Promise<readonly PodFacts[]>;
  podsOfNamespace(namespace: string): Promise<readonly PodFacts[]>;
  policies(namespace: string): Promise<readonly PolicyFacts[]>;
  patchPod(pod: PodFacts, patch: Patch): Promise<void>;
  patchNode(node: NodeFacts, patch: Patch): Promise<void>;
  /** Of this very pod: not one that has its name by now. */
  deletePod(pod: PodFacts, graceS: number | undefined): Promise<void>;
  /** As `deletePod`, unless a disruption budget says no: 429. */
  evictPod(pod: PodFacts, graceS: number | undefined): Promise<void>;
  /** Makes it, or makes what is there so. */
  putPolicy(namespace: string, name: string, policy: NewPolicy): Promise<void>;
  deletePolicy(namespace: string, name: string): Promise<'deleted' | 'not there'>;
  createEvent(namespace: string, event: NewEvent): Promise<'created' | 'there already'>;
  /** The values of a Secret by their keys. */
  secret(namespace: string, name: string): Promise<Readonly<Record<string, string>> | undefined>;
};

/** The cluster that `k8s.*` acts on, and what holds it back. */
export type Kubernetes = {
  readonly settings: KubernetesSettings;
  open(signal: AbortSignal, isTry: boolean): Promise<Cluster>;
  /** Loads the library, which takes half a second that a first action should not cost others. `undefined`: it is there. */
  load(): Promise<string | undefined>;
  /** Why nothing may be destroyed now; `undefined` counts as one that was. */
  refusal(): string | undefined;
};

/** `isStopped`: the off switch. Nothing is loaded or connected to before it is needed. */
export function makeKubernetes(
  settings: KubernetesSettings = usualKubernetes,
  isStopped: () => boolean = () => false,
  nowMs: () => number = Date.now,
): Kubernetes {
  let access: Promise<Access> | undefined;
  let acted: readonly number[] = [];
  return {
    settings,
    load: () =>
      openAccess(settings).then(
        () => undefined,
        (error: unknown) => causeOf(error),
      ),
    async open(signal, isTry) {
      // What could not be opened may be there the next time: a file of secrets that was mounted late.
      access ??= openAccess(settings).catch((error: unknown) => {
        access = undefined;
        throw error;
      });
      return openCluster(await access, signal, isTry);
    },
    refusal() {
      if (isStopped()) return 'responding is stopped (lanner resume-responding)';
      const now = nowMs();
      acted = acted.filter((atMs) => atMs > now - ACTING_MS);
      if (acted.length >= settings.most_actions_per_minute)
        return `more than ${settings.most_actions_per_minute} actions within a minute`;
      acted = [...acted, now];
      return undefined;
    },
  };
}

type Access = {
  readonly library: typeof Library;
  readonly config: Library.KubeConfig;
  readonly server: string;
};

async function openAccess({ kubeconfig_file: file, context }: KubernetesSettings): Promise<Access> {
  const library = await import('@kubernetes/client-node').catch(() => {
    throw new KubernetesFault(
      'the package @kubernetes/client-node is not installed: npm install @kubernetes/client-node@2',
    );
  });
  const config = new library.KubeConfig();
  try {
    if (file !== undefined) config.loadFromFile(file);
    else if (process.env['KUBERNETES_SERVICE_HOST'] !== undefined) config.loadFromCluster();
    else throw new Error('it runs in no pod, and its configuration names no kubernetes.kubeconfig_file');
    if (context !== undefined) config.setCurrentContext(context);
    const server = config.getCurrentCluster()?.server;
    if (server === undefined) throw new Error(`${file}: context ${config.getCurrentContext()} names no cluster`);
    return { library, config, server };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new KubernetesFault(`the router has no access to a cluster: ${reason}`);
  }
}

function openCluster({ library, config, server }: Access, signal: AbortSignal, isTry: boolean): Cluster {
  const { CoreV1Api, NetworkingV1Api, ApiException, PatchStrategy, createConfiguration, ServerConfiguration } = library;
  const configuration = createConfiguration({
    baseServer: new ServerConfiguration(server, {}),
    authMethods: { default: config },
    promiseMiddleware: [
      {
        async pre(context) {
          context.setSignal(signal);
          if (context.getHttpMethod() === 'PATCH') context.setHeaderParam('Content-Type', PatchStrategy.MergePatch);
          return context;
        },
        post: async (context) => context,
      },
    ],
  });
  const core = new CoreV1Api(configuration);
  const networking = new NetworkingV1Api(configuration);
  const how = isTry ? { dryRun: 'All' } : {};

  /** Every answer that is no success is a fault; what the server says about it is in its body, a Status. */
  const ask = async <T>(asked: Promise<T>): Promise<T> => {
    try {
      return await asked;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (!(error instanceof ApiException)) throw new KubernetesFault(`${server}: ${causeOf(error)}`, undefined, true);
      const { code, body, headers } = error;
      const wait = retryAfterMs(headers['retry-after'], Date.now());
      // Somebody else has changed it meanwhile: it is read anew.
      throw new KubernetesFault(
        `the API server answered ${code}: ${wordsOf(body)}`,
        code,
        code === 409 || mayPass(code),
        wait,
      );
    }
  };
  /** The fault itself, where it says that something is so. */
  const unless = async <T, U>(status: number, instead: U, asked: Promise<T>): Promise<T | U> =>
    ask(asked).catch((fault: unknown) => {
      if (fault instanceof KubernetesFault && fault.status === status) return instead;
      throw fault;
    });
  const listed = async <T>(
    asked: Promise<{ readonly items: T[]; readonly metadata?: Library.V1ListMeta }>,
  ): Promise<T[]> => {
    const { items, metadata } = await ask(asked);
    if (metadata?._continue) throw new KubernetesFault(`there are more than ${MOST_LISTED} of a kind`);
    return items;
  };
  const options = (pod: PodFacts, graceS: number | undefined): Library.V1DeleteOptions => ({
    preconditions: { uid: pod.uid },
    ...(graceS === undefined ? {} : { gracePeriodSeconds: graceS }),
    ...(isTry ? { dryRun: ['All'] } : {}),
  });
  const bodyOf = ({ version, labels, annotations, isCordoned }: Patch): object => ({
    metadata: { resourceVersion: version, ...(labels && { labels }), ...(annotations && { annotations }) },
    ...(isCordoned === undefined ? {} : { spec: { unschedulable: isCordoned } }),
  });
  /** Servers before 1.22 know evictions by an older version; both mean the same. */
  let evictionVersion: Promise<string> | undefined;
  const askEvictionVersion = async (): Promise<string> => {
    const { resources } = await ask(core.getAPIResources());
    return `policy/${resources.find(({ name }) => name === 'pods/eviction')?.version ?? 'v1'}`;
  };

  return {
    async pod(namespace, name) {
      const found = await unless(404, undefined, core.readNamespacedPod({ namespace, name }));
      return found && describePod(found);
    },
    async node(name) {
      const found = await unless(404, undefined, core.readNode({ name }));
      return found && describeNode(found);
    },
    nodes: async () => (await listed(core.listNode({ limit: MOST_LISTED }))).map(describeNode),
    async podsOfNode(node) {
      const fieldSelector = `spec.nodeName=${node}`;
      return (await listed(core.listPodForAllNamespaces({ fieldSelector, limit: MOST_LISTED }))).map(describePod);
    },
    podsOfNamespace: async (namespace) =>
      (await listed(core.listNamespacedPod({ namespace, limit: MOST_LISTED }))).map(describePod),
    policies: async (namespace) =>
      (await listed(networking.listNamespacedNetworkPolicy({ namespace, limit: MOST_LISTED }))).map(describePolicy),
    async patchPod({ namespace, name }, patch) {
      await ask(core.patchNamespacedPod({ namespace, name, body: bodyOf(patch), ...how }));
    },
    async patchNode({ name }, patch) {
      await ask(core.patchNode({ name, body: bodyOf(patch), ...how }));
    },
    async deletePod(pod, graceS) {
      const { namespace, name } = pod;
      await ask(core.deleteNamespacedPod({ namespace, name, body: options(pod, graceS) }));
    },
    async evictPod(pod, graceS) {
      const { namespace, name } = pod;
      evictionVersion ??= askEvictionVersion();
      const body = {
        apiVersion: await evictionVersion,
        kind: 'Eviction',
        metadata: { namespace, name },
        deleteOptions: options(pod, graceS),
      };
      await ask(core.createNamespacedPodEviction({ namespace, name, body, ...how }));
    },
    async putPolicy(namespace, name, policy) {
      const made = await unless(
        409,
        undefined,
        networking.createNamespacedNetworkPolicy({ namespace, body: policy, ...how }),
      );
      if (made === undefined)
        await ask(networking.replaceNamespacedNetworkPolicy({ namespace, name, body: policy, ...how }));
    },
    async deletePolicy(namespace, name) {
      const there = await unless(404, undefined, networking.deleteNamespacedNetworkPolicy({ namespace, name, ...how }));
      return there === undefined ? 'not there' : 'deleted';
    },
    async secret(namespace, name) {
      const found = await unless(404, undefined, core.readNamespacedSecret({ namespace, name }));
      if (found === undefined) return undefined;
      const values = Object.entries(found.data ?? {});
      return Object.fromEntries(values.map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]));
    },
    async createEvent(namespace, body) {
      const made = await unless(409, undefined, core.createNamespacedEvent({ namespace, body, ...how }));
      return made === undefined ? 'there already' : 'created';
    },
  };
}

/** Of a Status, its message (kubernetes.io, API concepts); else the beginning of what came. */
function wordsOf(body: unknown): string {
  const said: unknown = typeof body === 'string' ? parseSafely(body) : body;
  const message: unknown = Object(said).message;
  return (typeof message === 'string' ? message : String(body)).slice(0, MOST_SAID);
}

function parseSafely(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text; // A proxy has answered: its words are shown as they are.
  }
}

/** What fetch says is only that it failed; why stands below it. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause !== undefined) return causeOf(error.cause);
  return error.message === '' && 'code' in error ? String(error.code) : error.message;
}
