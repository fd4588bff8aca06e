import type { EngineKind } from './cgroup.ts';

export type Mount = {
  readonly source: string;
  readonly destination: string;
  readonly mode: string;
  readonly writable: boolean;
  readonly propagation: string;
};

/** The pod of a container, as its engine knows it. */
export type Pod = {
  readonly name: string | undefined;
  readonly namespace: string | undefined;
  readonly uid: string | undefined;
  readonly sandboxId: string | undefined;
  /** Those of the pod and not of the container; `undefined` while nobody has told them. */
  readonly labels: ReadonlyMap<string, string> | undefined;
  readonly ip: string | undefined;
  /** What the network plugin answered, as JSON. */
  readonly cniJson: string | undefined;
};

/** Commands by which an engine or kubelet looks after a container, as they are written in alerts. */
export type Probes = {
  readonly health: string | undefined;
  readonly liveness: string | undefined;
  readonly readiness: string | undefined;
};

/** What an engine knows about a container. Text is byte strings, as everything that rules compare. */
export type ContainerDetails = {
  readonly name: string | undefined;
  /** As it was given on the command line: `nginx:1.27`. */
  readonly image: string | undefined;
  /** Digits of the image's id, without `sha256:`. */
  readonly imageId: string | undefined;
  readonly repository: string | undefined;
  readonly tag: string | undefined;
  /** `sha256:…` of the image's manifest, where the image was pulled. */
  readonly digest: string | undefined;
  readonly privileged: boolean | undefined;
  readonly mounts: readonly Mount[] | undefined;
  readonly labels: ReadonlyMap<string, string>;
  readonly ip: string | undefined;
  readonly hostNetwork: boolean | undefined;
  readonly hostPid: boolean | undefined;
  readonly hostIpc: boolean | undefined;
  readonly createdMs: number | undefined;
  readonly startedMs: number | undefined;
  /** What the container's first process runs: the entry point and its arguments. */
  readonly command: readonly string[] | undefined;
  readonly probes: Probes;
  /** What Mesos and Marathon told it: variables whose names begin with theirs. */
  readonly environment: ReadonlyMap<string, string>;
  readonly pod: Pod | undefined;
  /** An engine inside another container said so: its owner's word, good for naming it and for nothing else. */
  readonly isClaimed: boolean;
};

/** Details of which only these are known. */
export function makeDetails(known: Partial<ContainerDetails>): ContainerDetails {
  return {
    name: undefined,
    image: undefined,
    imageId: undefined,
    repository: undefined,
    tag: undefined,
    digest: undefined,
    privileged: undefined,
    mounts: undefined,
    labels: noLabels,
    ip: undefined,
    hostNetwork: undefined,
    hostPid: undefined,
    hostIpc: undefined,
    createdMs: undefined,
    startedMs: undefined,
    command: undefined,
    probes: noProbes,
    environment: noLabels,
    pod: undefined,
    isClaimed: false,
    ...known,
  };
}

const noLabels: ReadonlyMap<string, string> = new Map();
export const noProbes: Probes = { health: undefined, liveness: undefined, readiness: undefined };

/**
 * How far a container is known. `waiting`: an engine was asked. `silent`: engines are there and none answered, so that more could be
 * known. `unknown`: no engine knows it, or there is none.
 */
export type ContainerStatus = 'known' | 'waiting' | 'silent' | 'unknown';

/** A container on this host. What its files said counts until an engine has answered, and for ever where none does. */
export type Container = {
  readonly id: string;
  readonly engine: EngineKind;
  readonly podUid?: string;
  readonly details: ContainerDetails | undefined;
  readonly status: ContainerStatus;
};

export type { EngineKind };
