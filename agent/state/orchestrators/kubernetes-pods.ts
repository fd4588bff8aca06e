import { isJson, type Json, listOf, mapOf, partOf, textOf } from '../containers/json.ts';

/** An object that owns pods, or owns what owns them. */
export type Owner = {
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  /** `undefined` while it has not been read: a reference names no labels. */
  readonly labels: ReadonlyMap<string, string> | undefined;
  /** What owns it in turn: a replica set's deployment, a job's cron job. */
  readonly owner: Owner | undefined;
};

/** A pod of this node as the API server describes it. Text is byte strings. */
export type KubernetesPod = {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly ip: string | undefined;
  readonly serviceAccount: string | undefined;
  readonly owner: Owner | undefined;
  /** `spec`, for probes. */
  readonly spec: Json;
};

/** A namespace or a service, as far as alerts name them. */
export type Named = { readonly name: string; readonly uid: string; readonly labels: ReadonlyMap<string, string> };

/** Where an owner is read: its reference names the API group and version. */
export type OwnerReference = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
};

/** Most pods of one node that are kept; kubelet runs 110 if nobody raises that. */
const MOST_PODS = 4_096;
/** Deleted pods stay that long for events that are still on their way. */
const KEEP_DELETED_MS = 60_000;

type Entry = {
  readonly pod: KubernetesPod;
  readonly reference: OwnerReference | undefined;
  deletedMs: number | undefined;
};

/** This node's pods by uid, as list and watch tell of them. */
export class PodTable {
  readonly #byUid = new Map<string, Entry>();
  /** kubelet runs a static pod under the hash of its file; the API server gives its mirror another uid. */
  readonly #byHash = new Map<string, string>();

  get size(): number {
    return this.#byUid.size;
  }

  pod(uid: string): KubernetesPod | undefined {
    return this.#byUid.get(uid)?.pod ?? this.#byUid.get(this.#byHash.get(uid) ?? '')?.pod;
  }

  reference(uid: string): OwnerReference | undefined {
    return this.#byUid.get(uid)?.reference;
  }

  /** Takes what a list or an event of a watch says; gives the pod's uid. */
  put(document: Json): string | undefined {
    const read = readPod(document);
    if (read === undefined) return undefined;
    const { pod } = read;
    if (!this.#byUid.has(pod.uid) && this.#byUid.size >= MOST_PODS) this.#forget(this.#byUid.keys().next().value);
    this.#byUid.set(pod.uid, { ...read, deletedMs: undefined });
    if (read.hash !== undefined) this.#byHash.set(read.hash, pod.uid);
    return pod.uid;
  }

  delete(uid: string, nowMs: number): void {
    const entry = this.#byUid.get(uid);
    if (entry !== undefined) entry.deletedMs ??= nowMs;
    for (const [each, { deletedMs }] of this.#byUid) {
      if (deletedMs !== undefined && nowMs - deletedMs > KEEP_DELETED_MS) this.#forget(each);
    }
  }

  /** After a new list: what it does not name was deleted while nobody watched. */
  keepOnly(uids: ReadonlySet<string>, nowMs: number): void {
    for (const uid of [...this.#byUid.keys()]) if (!uids.has(uid)) this.delete(uid, nowMs);
  }

  #forget(uid: string | undefined): void {
    if (uid === undefined) return;
    this.#byUid.delete(uid);
    for (const [hash, of] of this.#byHash) if (of === uid) this.#byHash.delete(hash);
  }
}

function readPod(document: Json) {
  const metadata = partOf(document, 'metadata');
  const uid = textOf(metadata['uid']);
  const name = textOf(metadata['name']);
  const namespace = textOf(metadata['namespace']);
  if (uid === undefined || name === undefined || namespace === undefined) return undefined;
  const spec = partOf(document, 'spec');
  const reference = readReference(metadata);
  const hash = mapOf(metadata['annotations']).get('kubernetes.io/config.hash');
  const pod: KubernetesPod = {
    uid,
    name,
    namespace,
    labels: mapOf(metadata['labels']),
    ip: textOf(partOf(document, 'status')['podIP']),
    serviceAccount: textOf(spec['serviceAccountName']),
    owner: reference && ownerOf(reference),
    spec,
  };
  return { pod, reference, hash };
}

/** The owner that controls it: of several, only one does. */
export function readReference(metadata: Json): OwnerReference | undefined {
  const found = listOf(metadata['ownerReferences']).find(({ controller }) => controller === true);
  const [apiVersion, kind, name, uid] = ['apiVersion', 'kind', 'name', 'uid'].map((key) => textOf(found?.[key]));
  if (apiVersion === undefined || kind === undefined || name === undefined || uid === undefined) return undefined;
  return { apiVersion, kind, name, uid };
}

/** What a reference alone tells. */
export const ownerOf = ({ kind, name, uid }: OwnerReference): Owner => ({
  kind,
  name,
  uid,
  labels: undefined,
  owner: undefined,
});

export function readNamed(document: unknown): Named | undefined {
  if (!isJson(document)) return undefined;
  const metadata = partOf(document, 'metadata');
  const name = textOf(metadata['name']);
  const uid = textOf(metadata['uid']);
  return name === undefined || uid === undefined ? undefined : { name, uid, labels: mapOf(metadata['labels']) };
}
