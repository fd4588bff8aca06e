import { isJson, listOf, mapOf, partOf } from '../containers/json.ts';
import { type Api, askApi } from './api-client.ts';
import {
  type KubernetesPod,
  type Named,
  type Owner,
  type OwnerReference,
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
const MOST_ENTRIES = 4_096;
const MOST_AT_ONCE = 4;
const MOST_QUEUED = 4_096;

type Service = Named & { readonly selector: ReadonlyMap<string, string> };
type Entry<T> = { value: T | undefined; readMs: number; isFailed: boolean };

/** Owners, namespaces and services of this node's pods, read one by one in the background and kept for a while. */
export class OwnerBook {
  readonly #api: Api;
  readonly #nowMs: () => number;
  readonly #owners = new Map<string, Entry<Owner>>();
  readonly #namespaces = new Map<string, Entry<Named>>();
  readonly #services = new Map<string, Entry<readonly Service[]>>();
  readonly #queue: (() => Promise<void>)[] = [];
  #running = 0;

  constructor(api: Api, nowMs: () => number) {
    this.#api = api;
    this.#nowMs = nowMs;
  }

  /** Begins to read what belongs to a pod. */
  meet(pod: KubernetesPod, reference: OwnerReference | undefined): void {
    const { namespace } = pod;
    if (reference !== undefined) this.#meetOwner(namespace, reference);
    this.#read(this.#namespaces, namespace, `/api/v1/namespaces/${encodeURIComponent(namespace)}`, readNamed);
    this.#read(this.#services, namespace, `${inNamespace('v1', namespace)}/services`, readServices);
  }

  ownerOf({ owner }: KubernetesPod): Owner | undefined {
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

  #complete(owner: Owner): Owner {
    const read = this.#owners.get(owner.uid)?.value ?? owner;
    return read.owner === undefined ? read : { ...read, owner: this.#complete(read.owner) };
  }

  #meetOwner(namespace: string, reference: OwnerReference): void {
    const plural = plurals[reference.kind];
    if (plural === undefined) return;
    const path = `${inNamespace(reference.apiVersion, namespace)}/${plural}/${encodeURIComponent(reference.name)}`;
    this.#read(this.#owners, reference.uid, path, (document) => {
      const named = readNamed(document);
      // Another object may have the name by now.
      if (named === undefined || named.uid !== reference.uid) return undefined;
      const above = readReference(partOf(document, 'metadata'));
      if (above !== undefined) this.#meetOwner(namespace, above);
      const owner = above && { ...above, labels: undefined, owner: undefined };
      return { kind: reference.kind, ...named, owner };
    });
  }

  #read<T>(book: Map<string, Entry<T>>, key: string, path: string, read: (document: unknown) => T | undefined): void {
    const nowMs = this.#nowMs();
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
      const answer = await askApi(this.#api, path, TIMEOUT_MS);
      const value = answer.status === 200 ? read(answer.json) : undefined;
      entry.isFailed = value === undefined;
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
