import { type ContainerDetails, type Mount, makeDetails, type Pod } from './container.ts';
import { splitImage } from './image-name.ts';
import { isJson, type Json, listOf, mapOf, partOf, textOf, textsOf } from './json.ts';
import { taskVariables } from './task-variables.ts';

/**
 * Reads `config.json` of the OCI runtime specification, which lies in the container's bundle before its first program
 * runs. Names and images stand in it only as annotations that containerd's CRI, CRI-O and podman write.
 */
export function readSpec(spec: unknown): ContainerDetails | undefined {
  if (!isJson(spec) || textOf(spec['ociVersion']) === undefined) return undefined;
  const annotations = mapOf(spec['annotations']);
  const first = (...keys: readonly string[]) => keys.map((key) => annotations.get(key)).find((each) => each);
  const isSandbox = first('io.kubernetes.cri.container-type', 'io.kubernetes.cri-o.ContainerType') === 'sandbox';
  const name = isSandbox
    ? first('io.kubernetes.cri.sandbox-name', 'io.kubernetes.pod.name')
    : first('io.kubernetes.cri.container-name', 'io.kubernetes.container.name');
  return makeDetails({
    ...splitImage(first('io.kubernetes.cri.image-name', 'io.kubernetes.cri-o.ImageName')),
    name,
    privileged: isPrivileged(spec, annotations),
    mounts: readMounts(spec),
    hostNetwork: isHosts(spec, 'network'),
    hostPid: isHosts(spec, 'pid'),
    hostIpc: isHosts(spec, 'ipc'),
    command: textsOf(partOf(spec, 'process')['args']),
    environment: taskVariables(partOf(spec, 'process')['env']),
    pod: readPod(first),
  });
}

function readPod(first: (...keys: readonly string[]) => string | undefined): Pod | undefined {
  const uid = first('io.kubernetes.cri.sandbox-uid', 'io.kubernetes.pod.uid');
  const name = first('io.kubernetes.cri.sandbox-name', 'io.kubernetes.pod.name');
  if (uid === undefined && name === undefined) return undefined;
  return {
    name,
    uid,
    namespace: first('io.kubernetes.cri.sandbox-namespace', 'io.kubernetes.pod.namespace'),
    sandboxId: first('io.kubernetes.cri.sandbox-id', 'io.kubernetes.cri-o.SandboxID'),
    labels: undefined,
    ip: first('io.kubernetes.cri-o.IP.0'),
    cniJson: undefined,
  };
}

/**
 * What `--privileged` does is recognised where no annotation tells it: every path of /proc and /sys to be seen and written,
 * all devices, no seccomp filter, and the capabilities that a container does not have otherwise.
 */
function isPrivileged(spec: Json, annotations: ReadonlyMap<string, string>): boolean {
  const told =
    annotations.get('io.podman.annotations.privileged') ?? annotations.get('io.kubernetes.cri-o.PrivilegedRuntime');
  if (told !== undefined) return told.toLowerCase() === 'true';
  const linux = partOf(spec, 'linux');
  const has = (key: string) => (textsOf(linux[key]) ?? []).length > 0;
  if (has('maskedPaths') || has('readonlyPaths') || isJson(linux['seccomp'])) return false;
  const capabilities = textsOf(partOf(spec, 'process', 'capabilities')['bounding']) ?? [];
  if (!['CAP_SYS_ADMIN', 'CAP_SYS_MODULE', 'CAP_SYS_RAWIO'].every((each) => capabilities.includes(each))) return false;
  return listOf(partOf(linux, 'resources')['devices']).some(
    ({ allow, type, major, access }) =>
      allow === true &&
      (type === undefined || type === 'a' || type === '') &&
      (major === undefined || major === -1) &&
      access === 'rwm',
  );
}

/** A container that makes no namespace of a kind is in the host's. One that joins a process's may be, too: not known. */
function isHosts(spec: Json, kind: string): boolean | undefined {
  const found = listOf(partOf(spec, 'linux')['namespaces']).find(({ type }) => type === kind);
  if (found === undefined) return true;
  return textOf(found['path'])?.startsWith('/proc/') ? undefined : false;
}

/** Files that engines put into every container, so that nobody asked for them. */
const ownFiles = /^\/(etc\/(hosts|hostname|resolv\.conf)|dev\/(shm|termination-log)|run\/\.containerenv)$/;

function readMounts(spec: Json): Mount[] {
  const mounts: Mount[] = [];
  for (const mount of listOf(spec['mounts'])) {
    const options = textsOf(mount['options']) ?? [];
    const destination = textOf(mount['destination']) ?? '';
    const isBind = mount['type'] === 'bind' || options.includes('bind') || options.includes('rbind');
    if (!isBind || ownFiles.test(destination)) continue;
    mounts.push({
      source: textOf(mount['source']) ?? '',
      destination,
      mode: options.includes('ro') ? 'ro' : '',
      writable: !options.includes('ro'),
      propagation: options.find((option) => /^r?(private|shared|slave)$/.test(option)) ?? '',
    });
  }
  return mounts;
}
