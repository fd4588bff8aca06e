import { isJson, listOf, mapOf, partOf } from '../containers/json.ts';
import { type Api, askApi } from './api-client.ts';
import {
  type KubernetesPod,
  type Named,
  type Owner,
  type OwnerReference,
  ownerOf,
  readNamed,
  readReference,
} from './kubernetes-pods.ts';

/** Kinds whose objects are read, and their names in paths. Others are known by their reference alone. */
const plurals: Readonly<Record<string, string>> = {
  ReplicaSet: 'replicasets',
  Deployment: 'deployments',
  DaemonSet: 'daemonsets',
  StatefulSet: 'statefulsets',
  Job: 'jobs',
  CronJob: 'cronjobs',
  ReplicationController: 'replicationcontrollers',
};

const TIMEOUT_MS = 10_000;
/** What was read is read anew after this long, when somebody meets it again: labels change. */
const FRESH_MS = 300_000;
/** After a failure. */
const RETRY_MS = 30_000;
/** Each field of an alert asks for its pod: that often at most, what belongs to it is looked at. */
const MEET_AGAIN_MS = 1_000;
const MOST_ENTRIES = 4_096;
const MOST_AT_ONCE = 4;
const MOST_QUEUED = 4_096;
/** Owners above owners; a cron job's pod has two. */
const MOST_STEPS = 8;

type Service = Named & { readonly selector: ReadonlyMap<string, string> };
type Entry<T> = { value: T | undefined; readMs: number; isFailed: boolean };
type Read = { readonly owner: Owner; readonly above: OwnerReference | undefined };

export type OwnerBookOptions = {
  readonly api: Api;
  readonly nowMs: () => number;
  /** The server does not let this kind of object be read (401, 403). */
  readonly refused: (resource: string, reason: string) => void;
};

/** Owners, namespaces and services of this node's pods, read one by one in the background and kept for a while. */
export class OwnerBook {
  readonly #options: OwnerBookOptions;
  readonly #owners = new Map<string, Entry<Read>>();
  readonly #namespaces = new Map<string, Entry<Named>>();
  readonly #services = new Map<string, Entry<readonly Service[]>>();
  readonly #metMs = new WeakMap<KubernetesPod, number>();
  readonly #queue: (() => Promise<void>)[] = [];
  #running = 0;

  constructor(options: OwnerBookOptions) {
    this.#options = options;
  }

  /** Begins to read what belongs to a pod and has not been read, or not lately. */
  meet(pod: KubernetesPod, reference: OwnerReference | undefined): void {
    const nowMs = this.#options.nowMs();
    if (nowMs - (this.#metMs.get(pod) ?? Number.NEGATIVE_INFINITY) < MEET_AGAIN_MS) return;
    this.#metMs.set(pod, nowMs);
    const { namespace } = pod;
    if (reference !== undefined) this.#meetOwner(namespace, reference);
    const ofNamespace = `/api/v1/namespaces/${encodeURIComponent(namespace)}`;
    this.#read(this.#namespaces, namespace, { resource: 'namespaces', path: ofNamespace, read: readNamed });
    const ofServices = `${inNamespace('v1', namespace)}/services`;
    this.#read(this.#services, namespace, { resource: 'services', path: ofServices, read: readServices });
  }

  ownersOf({ owner }: KubernetesPod): Owner | undefined {
    return owner && this.#complete(owner);
  }

  namespace(name: string): Named | undefined {
    return this.#namespaces.get(name)?.value;
  }

  services({ namespace, labels }: KubernetesPod): readonly Named[] {
    const all = this.#services.get(namespace)?.value ?? [];
    return all.filter(
      ({ selector }) => selector.size > 0 && [...selector].every(([key, value]) => labels.get(key) === value),
    );
  }

  #complete(owner: Owner, steps = 0): Owner {
    const known = this.#owners.get(owner.uid)?.value;
    if (known === undefined) return owner;
    const { above } = known;
    if (above === undefined || steps >= MOST_STEPS) return known.owner;
    return { ...known.owner, owner: this.#complete(ownerOf(above), steps + 1) };
  }

  /** The owner, and what is above it as far as that is known; the rest follows when it has been read. */
  #meetOwner(namespace: string, reference: OwnerReference, steps = 0): void {
    const plural = plurals[reference.kind];
    if (plural === undefined || steps >= MOST_STEPS) return;
    const path = `${inNamespace(reference.apiVersion, namespace)}/${plural}/${encodeURIComponent(reference.name)}`;
    const read = (document: unknown): Read | undefined => {
      const named = readNamed(document);
      // Another object may have the name by now.
      if (named === undefined || named.uid !== reference.uid) return undefined;
      const above = readReference(partOf(document, 'metadata'));
      if (above !== undefined) this.#meetOwner(namespace, above, steps + 1);
      return { owner: { kind: reference.kind, ...named, owner: undefined }, above };
    };
    this.#read(this.#owners, reference.uid, { resource: plural, path, read });
    const above = this.#owners.get(reference.uid)?.value?.above;
    if (above !== undefined) this.#meetOwner(namespace, above, steps + 1);
  }

  #read<T>(book: Map<string, Entry<T>>, key: string, { resource, path, read }: Question<T>): void {
    const nowMs = this.#options.nowMs();
    const known = book.get(key);
    if (known !== undefined && nowMs - known.readMs < (known.isFailed ? RETRY_MS : FRESH_MS)) return;
    if (this.#queue.length >= MOST_QUEUED) return;
    if (known === undefined && book.size >= MOST_ENTRIES) {
      const oldest = book.keys().next().value;
      if (oldest !== undefined) book.delete(oldest);
    }
    const entry: Entry<T> = known ?? { value: undefined, readMs: nowMs, isFailed: false };
    entry.readMs = nowMs;
    book.set(key, entry);
    this.#queue.push(async () => {
      const answer = await askApi(this.#options.api, path, TIMEOUT_MS);
      const value = answer.status === 200 ? read(answer.json) : undefined;
      entry.isFailed = value === undefined;
      if (answer.status === 401 || answer.status === 403) this.#options.refused(resource, answer.reason);
      // What was known stays known when it cannot be read again, but not when it is gone.
      if (value !== undefined || answer.status === 404) entry.value = value;
    });
    this.#run();
  }

  #run(): void {
    while (this.#running < MOST_AT_ONCE) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      this.#running++;
      void next().finally(() => {
        this.#running--;
        this.#run();
      });
    }
  }
}

type Question<T> = {
  /** As a role names it. */
  readonly resource: string;
  readonly path: string;
  readonly read: (document: unknown) => T | undefined;
};

/** `v1` lies below /api, a group such as `apps/v1` below /apis. */
function inNamespace(apiVersion: string, namespace: string): string {
  const root = apiVersion.includes('/') ? '/apis' : '/api';
  return `${root}/${apiVersion}/namespaces/${encodeURIComponent(namespace)}`;
}

function readServices(document: unknown): readonly Service[] | undefined {
  if (!isJson(document)) return undefined;
  return listOf(document['items']).flatMap((item) => {
    const named = readNamed(item);
    return named === undefined ? [] : [{ ...named, selector: mapOf(partOf(item, 'spec')['selector']) }];
  });
}
