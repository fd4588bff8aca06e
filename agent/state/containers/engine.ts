import { existsSync, realpathSync } from 'node:fs';
import type { EngineName, EngineSocket } from '../../config/engine-socket.ts';
import type { CgroupContainer, EngineKind } from './cgroup.ts';
import type { ContainerDetails } from './container.ts';
import { openContainerd } from './containerd.ts';
import { openCri } from './cri.ts';
import { openDocker } from './docker.ts';

export type EngineAnswer =
  | { readonly status: 'found'; readonly engine: EngineKind; readonly details: ContainerDetails }
  | { readonly status: 'unknown' }
  | { readonly status: 'failed'; readonly reason: string };

/** What an engine can be asked to do with a container of its own. */
export type Control = 'kill' | 'stop' | 'pause' | 'unpause' | 'remove';

export type ControlOptions = {
  readonly timeoutMs: number;
  /** `stop`: what the container's first process gets to end by itself. */
  readonly graceS?: number;
};

/** `not_running`: there was nothing to do, it is so already. */
export type ControlAnswer =
  | { readonly status: 'done' | 'not_running' | 'unknown' }
  | { readonly status: 'failed'; readonly reason: string };

/** A container engine behind a unix socket. */
export type Engine = {
  readonly name: EngineName;
  readonly socket: string;
  inspect(container: Pick<CgroupContainer, 'id' | 'namespace'>, timeoutMs: number): Promise<EngineAnswer>;
  /**
   * Does it by the engine, so that the engine's own state is right afterwards. `unknown`: not one of its own, or something
   * that it does not do or sees by itself.
   */
  control(
    control: Control,
    container: Pick<CgroupContainer, 'id' | 'namespace'>,
    options: ControlOptions,
  ): Promise<ControlAnswer>;
  close(): void;
};

/** Where engines listen, the likeliest first. */
export const knownSockets: readonly EngineSocket[] = [
  { name: 'docker', path: '/var/run/docker.sock' },
  { name: 'docker', path: '/run/docker.sock' },
  { name: 'podman', path: '/run/podman/podman.sock' },
  { name: 'containerd', path: '/run/containerd/containerd.sock' },
  { name: 'containerd', path: '/run/k3s/containerd/containerd.sock' },
  { name: 'containerd', path: '/run/k0s/containerd.sock' },
  { name: 'containerd', path: '/var/snap/microk8s/common/run/containerd.sock' },
  { name: 'cri-o', path: '/run/crio/crio.sock' },
];

/** Where the engines of one user listen who is not root. */
export const userSockets = (user: number): readonly EngineSocket[] => [
  { name: 'docker', path: `/run/user/${user}/docker.sock` },
  { name: 'podman', path: `/run/user/${user}/podman/podman.sock` },
];

/** The engines whose sockets exist now and are not among the known ones; none is asked yet. */
export function findEngines(
  sockets: readonly EngineSocket[] = knownSockets,
  known: readonly { readonly socket: string }[] = [],
): Engine[] {
  const seen = new Set(known.map(({ socket }) => socket));
  const engines: Engine[] = [];
  for (const { name, path } of sockets) {
    const socket = existsSync(path) ? realpathSync(path) : undefined;
    if (socket === undefined || seen.has(socket)) continue;
    seen.add(socket);
    engines.push(openEngine(name, socket));
  }
  return engines;
}

export function openEngine(name: EngineName, socket: string): Engine {
  switch (name) {
    case 'docker':
    case 'podman':
      return openDocker(name, socket);
    case 'containerd':
      return openContainerd(socket);
    case 'cri-o':
      return openCri(name, socket);
  }
}

/** Which engines may know a container, by what its cgroup says. */
export const engineNames: Readonly<Record<EngineKind, readonly EngineName[]>> = {
  docker: ['docker'],
  podman: ['podman'],
  containerd: ['containerd'],
  'cri-o': ['cri-o'],
  cri: ['containerd', 'cri-o', 'docker'],
  unknown: ['docker', 'containerd', 'podman', 'cri-o'],
  lxc: [],
  'libvirt-lxc': [],
  'systemd-nspawn': [],
  mesos: [],
};
