import { type ContainerDetails, type Mount, makeDetails, noProbes } from './container.ts';
import { splitImage } from './image-name.ts';
import { isJson, type Json, listOf, mapOf, partOf, textOf, textsOf, timeOf } from './json.ts';
import { podOfLabels, probesOfAnnotations } from './pod-labels.ts';
import { taskVariables } from './task-variables.ts';

/**
 * Reads the answer of `GET /containers/ID/json` (Docker Engine API 1.24 and later, podman's compatible API). Whatever
 * has an unexpected form counts as missing: an engine of another version must not stop the agent.
 */
export function readInspect(answer: unknown): ContainerDetails | undefined {
  if (!isJson(answer)) return undefined;
  const mounts = listOf(answer['Mounts']).map((mount) => readMount(mount, mount['Mode']));
  return readDocument(answer, partOf(answer, 'HostConfig'), mounts);
}

/**
 * Reads what dockerd keeps of a container in its folder: `config.v2.json` and `hostconfig.json`. They are written when
 * the container is made, before anything of it runs, while `inspect` answers only when the start is over.
 */
export function readDockerFiles(config: unknown, hostConfig: unknown): ContainerDetails | undefined {
  if (!isJson(config) || !isJson(hostConfig) || textOf(config['ID']) === undefined) return undefined;
  const mounts = Object.values(partOf(config, 'MountPoints'))
    .filter(isJson)
    .map((mount) => readMount(mount, mount['Relabel']));
  return readDocument(config, hostConfig, mounts);
}

function readDocument(document: Json, host: Json, mounts: readonly Mount[]): ContainerDetails {
  const config = partOf(document, 'Config');
  const labels = mapOf(config['Labels']);
  const pod = podOfLabels(labels);
  const probes = pod === undefined ? noProbes : probesOfAnnotations(labels, labels.get('io.kubernetes.container.name'));
  const path = textOf(document['Path']);
  return makeDetails({
    ...splitImage(textOf(config['Image'])),
    name: textOf(document['Name'])?.replace(/^\//, ''),
    imageId: textOf(document['Image'])?.replace(/^sha256:/, ''),
    privileged: host['Privileged'] === true,
    mounts,
    labels,
    ip: readAddress(partOf(document, 'NetworkSettings')),
    hostNetwork: host['NetworkMode'] === 'host',
    hostPid: host['PidMode'] === 'host',
    hostIpc: host['IpcMode'] === 'host',
    createdMs: timeOf(document['Created']),
    startedMs: timeOf(partOf(document, 'State')['StartedAt']),
    command: path === undefined ? undefined : [path, ...(textsOf(document['Args']) ?? [])],
    probes: { ...probes, health: readHealthcheck(config['Healthcheck']) },
    environment: taskVariables(config['Env']),
    pod,
  });
}

const readMount = (mount: Json, mode: unknown): Mount => ({
  source: textOf(mount['Source']) ?? '',
  destination: textOf(mount['Destination']) ?? '',
  mode: textOf(mode) ?? '',
  writable: mount['RW'] === true,
  propagation: textOf(mount['Propagation']) ?? '',
});

/**
 * `["CMD", program, …]` or `["CMD-SHELL", line]`; `["NONE"]` turns the image's check off. What has no such word first, podman runs as
 * it is.
 */
function readHealthcheck(check: unknown): string | undefined {
  const words = textsOf(partOf(check)['Test']) ?? [];
  const [kind = '', ...command] = words;
  if (kind === '' || kind === 'NONE') return undefined;
  if (kind !== 'CMD' && kind !== 'CMD-SHELL') return words.join(' ');
  if (command.length === 0) return undefined;
  return (kind === 'CMD' ? command : ['/bin/sh', '-c', ...command]).join(' ');
}

function readAddress(network: Json): string | undefined {
  const own = textOf(network['IPAddress']);
  if (own !== undefined) return own;
  for (const attached of Object.values(partOf(network, 'Networks'))) {
    const address = isJson(attached) ? textOf(attached['IPAddress']) : undefined;
    if (address !== undefined) return address;
  }
  return undefined;
}
