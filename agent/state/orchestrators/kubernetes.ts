import { setTimeout as sleep } from 'node:timers/promises';
import { isJson, listOf, partOf, textOf } from '../containers/json.ts';
import { type Api, askApi, watchApi } from './api-client.ts';
import { OwnerBook } from './kubernetes-owners.ts';
import { type KubernetesPod, type Named, PodTable } from './kubernetes-pods.ts';

const PAGE = 500;
const MOST_PAGES = 100;
const LIST_TIMEOUT_MS = 30_000;
/** How long the server is asked to keep a watch, and after how much silence it counts as dead: bookmarks come each minute. */
const WATCH_S = 290;
const IDLE_MS = 330_000;
/** A watch that ends sooner did not work, whatever the server said. */
const SHORT_WATCH_MS = 5_000;

export type KubernetesOptions = {
  readonly api: Api;
  /** Only pods of this node are asked for. */
  readonly node: string;
  readonly log: (
    level: 'info' | 'warn',
    message: string,
    fields?: Readonly<Record<string, string | number | boolean | undefined>>,
  ) => void;
  readonly nowMs: () => number;
  /** Pause after the first failure; doubles up to `longestPauseMs`. */
  readonly pauseMs?: number;
  readonly longestPauseMs?: number;
  readonly idleMs?: number;
};

export type KubernetesCounters = {
  lists: number;
  watches: number;
  events: number;
  failures: number;
  /** Owners, namespaces and services that the server did not let be read. */
  refused: number;
};

/** What alerts need of the cluster: this node's pods with their owners, namespaces and services. */
export type Kubernetes = {
  /** As it is known now: nothing ever waits for the API server. */
  pod(uid: string): KubernetesPod | undefined;
  namespace(name: string): Named | undefined;
  /** The services that select the pod. */
  services(pod: KubernetesPod): readonly Named[];
  readonly counters: KubernetesCounters;
  close(): void;
};

/**
 * Follows this node's pods by list and watch (kubernetes.io, "API Concepts"). A watch goes on from the last version that
 * was seen, which bookmarks keep young; when that has become too old (410), all is listed anew. A server that is dead or
 * slow costs nothing but what it would have told.
 */
export function openKubernetes(options: KubernetesOptions): Kubernetes {
  const { nowMs, log } = options;
  const stop = new AbortController();
  const api = { ...options.api, signal: stop.signal };
  const pods = new PodTable();
  const counters: KubernetesCounters = { lists: 0, watches: 0, events: 0, failures: 0, refused: 0 };
  const refused = new Set<string>();
  const owners = new OwnerBook({
    api,
    nowMs,
    refused: (resource, reason) => {
      counters.refused++;
      if (!refused.has(resource))
        log('warn', `the Kubernetes API server does not let the agent read ${resource}`, { reason });
      refused.add(resource);
    },
  });
  const selector = `fieldSelector=${encodeURIComponent(`spec.nodeName=${options.node}`)}`;

  const take = (document: unknown): string | undefined => {
    const uid = isJson(document) ? pods.put(document) : undefined;
    const pod = uid === undefined ? undefined : pods.pod(uid);
    if (pod !== undefined) owners.meet(pod, pods.reference(pod.uid));
    return uid;
  };

  /** The version that the list is of, or why there is none. */
  async function list(): Promise<{ version: string } | { reason: string }> {
    const uids = new Set<string>();
    let next = '';
    for (let page = 0; page < MOST_PAGES; page++) {
      const from = next === '' ? '' : `&continue=${encodeURIComponent(next)}`;
      const answer = await askApi(api, `/api/v1/pods?${selector}&limit=${PAGE}${from}`, LIST_TIMEOUT_MS);
      if (answer.status !== 200) return { reason: answer.reason };
      const { json } = answer;
      for (const item of listOfAll(partOf(json)['items'])) {
        const uid = take(item);
        if (uid !== undefined) uids.add(uid);
      }
      const metadata = partOf(json, 'metadata');
      next = textOf(metadata['continue']) ?? '';
      if (next !== '') continue;
      pods.keepOnly(uids, nowMs());
      counters.lists++;
      return { version: textOf(metadata['resourceVersion']) ?? '' };
    }
    return { reason: `the list has more than ${MOST_PAGES} pages` };
  }

  /** The version to go on from; `undefined`: list anew. */
  async function watch(version: string): Promise<{ version: string | undefined; reason: string | undefined }> {
    let latest: string | undefined = version;
    const path = `/api/v1/pods?${selector}&watch=1&allowWatchBookmarks=true&timeoutSeconds=${WATCH_S}&resourceVersion=${encodeURIComponent(version)}`;
    let reason: string | undefined;
    const line = (document: unknown) => {
      const { type, object } = partOf(document);
      const seen = textOf(partOf(object, 'metadata')['resourceVersion']);
      if (type === 'ERROR') {
        latest = undefined;
        if (partOf(object)['code'] !== 410) reason = textOf(partOf(object)['message']) ?? 'the watch failed';
        return;
      }
      pauseMs = shortestMs;
      if (seen !== undefined && latest !== undefined) latest = seen;
      if (type === 'BOOKMARK') return;
      counters.events++;
      if (type === 'DELETED') pods.delete(textOf(partOf(object, 'metadata')['uid']) ?? '', nowMs());
      else take(object);
    };
    const end = await watchApi(
      api,
      path,
      { opened: recovered, line },
      { signal: stop.signal, idleMs: options.idleMs ?? IDLE_MS },
    );
    if (end.status === 410) return { version: undefined, reason: undefined };
    if (end.status !== 0 && end.status !== 200) return { version: undefined, reason: end.reason };
    if (end.status === 200) counters.watches++;
    // What cannot be taken would come again from the same version.
    return { version: end.isLineTooLong ? undefined : latest, reason: reason ?? end.reason };
  }

  const shortestMs = options.pauseMs ?? 1_000;
  let pauseMs = shortestMs;
  let isTold = false;
  const pause = (ms: number) =>
    sleep(ms * (0.5 + Math.random() / 2), undefined, { signal: stop.signal }).catch(() => undefined);
  const fail = async (reason: string) => {
    if (stop.signal.aborted) return;
    counters.failures++;
    if (!isTold) log('warn', 'the Kubernetes API server does not answer', { reason });
    isTold = true;
    await pause(pauseMs);
    pauseMs = Math.min(pauseMs * 2, options.longestPauseMs ?? 60_000);
  };
  const recovered = () => {
    if (isTold) log('info', 'the Kubernetes API server answers again');
    isTold = false;
  };

  async function follow(): Promise<void> {
    let version: string | undefined;
    while (!stop.signal.aborted) {
      if (version === undefined) {
        const listed = await list();
        if ('reason' in listed) {
          await fail(listed.reason);
          continue;
        }
        version = listed.version;
      }
      const begunMs = nowMs();
      const ended = await watch(version);
      version = ended.version;
      const isShort = nowMs() - begunMs < SHORT_WATCH_MS;
      if (!isShort) pauseMs = shortestMs;
      if (ended.reason !== undefined) await fail(ended.reason);
      else if (isShort) await pause(shortestMs);
    }
  }

  void follow();
  return {
    pod(uid) {
      const pod = pods.pod(uid);
      if (pod === undefined) return undefined;
      // Whoever is asked about is read again when that is due: a failure in between is made good.
      owners.meet(pod, pods.reference(pod.uid));
      return { ...pod, owner: owners.ownersOf(pod) };
    },
    namespace: (name) => owners.namespace(name),
    services: (pod) => owners.services(pod),
    counters,
    close: () => stop.abort(),
  };
}

/** All of them: a page is bounded by `limit`, and `listOf` would cut it. */
const listOfAll = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : listOf(value));
