import type { Secrets } from '#playbooks/language/playbook';
import type { Log } from '#rules/cli/log';
import { type Kubernetes, KubernetesFault } from '../clients/kubernetes.ts';
import type { SecretReference } from '../config/secret-settings.ts';

/** So old a value may be at most: a rotated secret counts after that. */
const REFRESH_MS = 30_000;
/** With the API server away, values are used for so long. */
const KEEP_MS = 600_000;
const ANSWER_MS = 5_000;
const MOST_LENGTH = 64 * 1024;

export type ClusterSecrets = {
  readonly find: Secrets;
  /** Whether a secret of this name is the cluster's. */
  isNamed(name: string): boolean;
  close(): void;
};

export type ClusterSecretsOptions = {
  readonly references: ReadonlyMap<string, SecretReference>;
  readonly kubernetes: Pick<Kubernetes, 'open'>;
  readonly nowMs: () => number;
  readonly log: Log;
  /** `once`: they are read now and never again. */
  readonly refresh: 'on' | 'once';
};

type Held = { readonly value: string | undefined; readonly readMs: number };

/**
 * The secrets that the router's configuration takes from Kubernetes. They are read ahead, so that no step waits for them, and
 * held in memory alone. Resolves when each was read once or the API server did not answer in time.
 */
export async function openClusterSecrets(options: ClusterSecretsOptions): Promise<ClusterSecrets> {
  const { references, kubernetes, nowMs, log, refresh } = options;
  const held = new Map<string, Held>();
  const told = new Map<string, string>();
  const objects = Map.groupBy(references, ([, { namespace, object }]) => `${namespace}/${object}`);
  const tell = (about: string, reason: string | undefined): void => {
    if (reason !== undefined && told.get(about) !== reason)
      log('error', 'a secret of the cluster cannot be had', { secret: about, reason });
    if (reason === undefined) told.delete(about);
    else told.set(about, reason);
  };
  const readObject = async (name: string, wanted: readonly (readonly [string, SecretReference])[]): Promise<void> => {
    const [namespace = '', object = ''] = name.split('/');
    try {
      const cluster = await kubernetes.open(AbortSignal.timeout(ANSWER_MS), false);
      const data = await cluster.secret(namespace, object);
      for (const [called, { key }] of wanted) {
        const value = data?.[key];
        const isUsable = value !== undefined && value.length <= MOST_LENGTH;
        held.set(called, { value: isUsable ? value : undefined, readMs: nowMs() });
        const reason =
          data === undefined ? 'there is none' : value === undefined ? `it has no key ${key}` : 'it is too long';
        tell(`${name}/${key}`, isUsable ? undefined : reason);
      }
      tell(name, undefined);
    } catch (error) {
      // Whoever may not read it any more has no secret; who gets no answer keeps what he has for a while.
      const isRefused = error instanceof KubernetesFault && (error.status === 401 || error.status === 403);
      if (isRefused) for (const [called] of wanted) held.delete(called);
      tell(name, error instanceof Error ? error.message : String(error));
    }
  };
  const readAll = async (): Promise<void> => {
    await Promise.all([...objects].map(([name, wanted]) => readObject(name, wanted)));
  };
  await readAll();
  const timer = refresh === 'on' && references.size > 0 ? setInterval(() => void readAll(), REFRESH_MS) : undefined;
  timer?.unref();
  return {
    find(name) {
      const found = held.get(name);
      return found === undefined || nowMs() - found.readMs > KEEP_MS ? undefined : found.value;
    },
    isNamed: (name) => references.has(name),
    close: () => clearInterval(timer),
  };
}
