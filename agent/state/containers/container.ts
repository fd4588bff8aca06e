import { toByteString } from '#rules/language/byte-string';
import type { CgroupContainer } from './cgroup.ts';

export type Mount = {
  readonly source: string;
  readonly destination: string;
  readonly mode: string;
  readonly writable: boolean;
  readonly propagation: string;
};

/** What an engine knows about a container. Text is byte strings, as everything that rules compare. */
export type ContainerDetails = {
  readonly name: string;
  /** As it was given on the command line: `nginx:1.27`. */
  readonly image: string;
  /** Digits of the image's id, without `sha256:`. */
  readonly imageId: string | undefined;
  readonly repository: string | undefined;
  readonly tag: string | undefined;
  /** `sha256:…` of the image's manifest, where the image was pulled. */
  readonly digest: string | undefined;
  readonly privileged: boolean;
  readonly mounts: readonly Mount[];
  readonly labels: ReadonlyMap<string, string>;
  readonly ip: string | undefined;
  readonly hostNetwork: boolean;
  readonly hostPid: boolean;
  readonly hostIpc: boolean;
  readonly createdMs: number | undefined;
};

/** A container on this host. Its details are missing until an engine has answered, and for ever where none does. */
export type Container = {
  readonly id: string;
  readonly engine: CgroupContainer['engine'];
  readonly details: ContainerDetails | undefined;
  readonly status: 'known' | 'waiting' | 'unknown';
};

/** `registry:5000/team/app:1.2@sha256:…` in its parts. A tag has no `/`, so a registry's port is none. */
function splitImage(image: string): { repository: string; tag: string | undefined; digest: string | undefined } {
  const at = image.indexOf('@');
  const digest = at < 0 ? undefined : image.slice(at + 1);
  const name = at < 0 ? image : image.slice(0, at);
  const colon = name.lastIndexOf(':');
  if (colon < 0 || name.includes('/', colon)) return { repository: name, tag: undefined, digest };
  return { repository: name.slice(0, colon), tag: name.slice(colon + 1), digest };
}

type Json = { readonly [key: string]: unknown };
const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);
const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? toByteString(value.slice(0, 4_096)) : undefined;
const part = (value: Json, key: string): Json => {
  const found = value[key];
  return isJson(found) ? found : {};
};

/** Most mounts and labels of one container that are kept. */
const MOST = 256;

/**
 * Reads the answer of `GET /containers/ID/json` (Docker Engine API 1.24 and later, podman's compatible API). Whatever
 * has an unexpected form counts as missing: an engine of another version must not stop the agent.
 */
export function readInspect(answer: unknown): ContainerDetails | undefined {
  if (!isJson(answer)) return undefined;
  const config = part(answer, 'Config');
  const host = part(answer, 'HostConfig');
  const image = text(config['Image']) ?? '';
  const bare = /^(sha256:)?[0-9a-f]{12,64}$/.test(image);
  const named = splitImage(image);
  const id = text(answer['Image'])?.replace(/^sha256:/, '');
  const created = Date.parse(String(answer['Created']));
  return {
    name: (text(answer['Name']) ?? '').replace(/^\//, ''),
    image,
    imageId: id,
    repository: image === '' || bare ? undefined : named.repository,
    tag: bare ? undefined : named.tag,
    digest: named.digest,
    privileged: host['Privileged'] === true,
    mounts: readMounts(answer['Mounts']),
    labels: readLabels(config['Labels']),
    ip: readAddress(part(answer, 'NetworkSettings')),
    hostNetwork: host['NetworkMode'] === 'host',
    hostPid: host['PidMode'] === 'host',
    hostIpc: host['IpcMode'] === 'host',
    createdMs: Number.isNaN(created) ? undefined : created,
  };
}

function readMounts(value: unknown): Mount[] {
  if (!Array.isArray(value)) return [];
  return value
    .filter(isJson)
    .slice(0, MOST)
    .map((mount) => ({
      source: text(mount['Source']) ?? '',
      destination: text(mount['Destination']) ?? '',
      mode: text(mount['Mode']) ?? '',
      writable: mount['RW'] === true,
      propagation: text(mount['Propagation']) ?? '',
    }));
}

function readLabels(value: unknown): Map<string, string> {
  const labels = new Map<string, string>();
  if (!isJson(value)) return labels;
  for (const [key, label] of Object.entries(value).slice(0, MOST)) {
    if (typeof label === 'string') labels.set(toByteString(key), toByteString(label.slice(0, 4_096)));
  }
  return labels;
}

function readAddress(network: Json): string | undefined {
  const own = text(network['IPAddress']);
  if (own !== undefined) return own;
  for (const attached of Object.values(part(network, 'Networks'))) {
    const address = isJson(attached) ? text(attached['IPAddress']) : undefined;
    if (address !== undefined) return address;
  }
  return undefined;
}
