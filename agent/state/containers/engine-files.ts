import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { EngineSocket } from '../../config/engine-socket.ts';
import { readBounded } from '../bounded-file.ts';
import type { CgroupContainer } from './cgroup.ts';
import type { ContainerDetails, EngineKind } from './container.ts';
import { readDockerFiles } from './docker-inspect.ts';
import { splitImage } from './image-name.ts';
import { isJson, type Json, parseJson, partOf, textOf, textsOf, timeOf } from './json.ts';
import { knownMachineFolders, readMachine } from './machine-files.ts';
import { readSpec } from './oci-spec.ts';
import { type OwnUsers, readOwnUsers } from './own-files.ts';

/** A description beyond this is none. */
const MOST_BYTES = 4 * 1024 * 1024;

/** Where engines keep their containers' files. */
export type EngineFolders = {
  /** dockerd's data-root. */
  readonly docker: readonly string[];
  /** Where containerd's tasks have their bundles: `<folder>/<namespace>/<id>/config.json`. */
  readonly tasks: readonly string[];
  /** containers/storage of podman and CRI-O: `<folder>/<driver>-containers/<id>/userdata/config.json`. */
  readonly storage: readonly string[];
};

const tasks = 'io.containerd.runtime.v2.task';

/** The known places, and beside each given socket of containerd its state, as containerd lays it out. */
export function foldersOf(sockets: readonly EngineSocket[]): EngineFolders {
  const own = sockets.filter(({ name }) => name === 'containerd').map(({ path }) => join(dirname(path), tasks));
  return { ...knownFolders, tasks: [...own, ...knownFolders.tasks] };
}

const knownFolders: EngineFolders = {
  docker: ['/var/lib/docker'],
  tasks: [
    `/run/containerd/${tasks}`,
    `/run/docker/containerd/daemon/${tasks}`,
    `/run/k3s/containerd/${tasks}`,
    `/run/k0s/containerd/${tasks}`,
    `/var/snap/microk8s/common/run/containerd/${tasks}`,
  ],
  storage: ['/var/lib/containers/storage'],
};

/** What lies in files about a container; `complete` when its engine would add nothing but what changes while it runs. */
export type FileAnswer = {
  readonly engine: EngineKind;
  readonly details: ContainerDetails;
  readonly isComplete: boolean;
};

export type EngineFiles = {
  read(container: CgroupContainer): FileAnswer | undefined;
  /** Where the container's own users stand, from the moment its group is made. */
  usersOf(container: CgroupContainer): OwnUsers | undefined;
  isContainerdTask(namespace: string, id: string): boolean;
};

/**
 * Reads containers' descriptions where their engines keep them. They are there before a container's first program runs
 * and are read at once, whatever the engine is busy with: dockerd answers only when the start is over.
 */
export function openEngineFiles(
  folders: EngineFolders,
  homeOf = homeInPasswd,
  machines = knownMachineFolders,
): EngineFiles {
  /** Where the engines of root keep their containers, and those of the container's own user. */
  const storagesOf = ({ user }: CgroupContainer): readonly string[] => {
    const home = user === undefined ? undefined : homeOf(user);
    return home === undefined ? folders.storage : [...folders.storage, `${home}/.local/share/containers/storage`];
  };
  return {
    read(container) {
      if (container.engine === 'lxc' || container.engine === 'libvirt-lxc' || container.engine === 'systemd-nspawn') {
        return { engine: container.engine, details: readMachine(container, machines), isComplete: true };
      }
      if (!isPlain(container.id)) return undefined;
      return (
        readDocker(folders.docker, container) ??
        readStorage(storagesOf(container), container) ??
        readTask(folders, container)
      );
    },
    usersOf(container) {
      if (!isPlain(container.id)) return undefined;
      const bundles = [...tasksOf(folders, container), ...bundlesIn(storagesOf(container), container)];
      for (const bundle of bundles) {
        const users = readOwnUsers(readJson(`${bundle}/config.json`), bundle);
        if (users !== undefined) return users;
      }
      return undefined;
    },
    isContainerdTask: (namespace, id) => folders.tasks.some((folder) => existsSync(`${folder}/${namespace}/${id}`)),
  };
}

/** An id that is one part of a path. */
const isPlain = (id: string): boolean => /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(id);

const readJson = (path: string): unknown => {
  const text = readBounded(path, MOST_BYTES);
  return text === undefined ? undefined : parseJson(text);
};

function readDocker(folders: readonly string[], { id }: CgroupContainer): FileAnswer | undefined {
  for (const folder of folders) {
    for (const root of [folder, ...remappedRoots(folder)]) {
      const config = readJson(`${root}/containers/${id}/config.v2.json`);
      if (config === undefined) continue;
      const read = readDockerFiles(config, readJson(`${root}/containers/${id}/hostconfig.json`));
      if (read === undefined) continue;
      const driver = isJson(config) ? textOf(config['Driver']) : undefined;
      const digest = read.digest ?? pulledDigest(`${root}/image/${driver}/repositories.json`, read);
      return { engine: 'docker', details: { ...read, digest }, isComplete: true };
    }
  }
  return undefined;
}

/** With `userns-remap` all that dockerd keeps lies in a folder that is named by the user that root becomes. */
const remappedRoots = (folder: string): readonly string[] =>
  namesIn(folder)
    .filter((name) => /^\d+\.\d+$/.test(name))
    .map((name) => `${folder}/${name}`);

/** The digest under which an image was pulled: `{"Repositories": {NAME: {"NAME@DIGEST": ID}}}`. */
function pulledDigest(path: string, { repository, imageId }: ContainerDetails): string | undefined {
  if (repository === undefined || imageId === undefined) return undefined;
  const known = partOf(readJson(path), 'Repositories', repository.replace(/^docker\.io\/(library\/)?/, ''));
  const pulled = Object.entries(known).find(([name, id]) => name.includes('@') && id === `sha256:${imageId}`);
  return splitImage(textOf(pulled?.[0])).digest;
}

const drivers = ['overlay', 'vfs', 'btrfs', 'zfs'];

/** podman and CRI-O: names and images stand in the storage's own list. */
function readStorage(storages: readonly string[], { id, engine }: CgroupContainer): FileAnswer | undefined {
  for (const storage of storages) {
    for (const driver of drivers) {
      const spec = readSpec(readJson(`${storage}/${driver}-containers/${id}/userdata/config.json`));
      if (spec === undefined) continue;
      // Newer storage lists what ends with the machine apart: whatever `podman run --rm` started.
      const lists = ['containers.json', 'volatile-containers.json'];
      const found = lists.map((list) => readListed(readJson(`${storage}/${driver}-containers/${list}`), id));
      const listed = found.find((entry) => entry !== undefined) ?? {};
      const image = entryOf(readJson(`${storage}/${driver}-images/images.json`), listed.imageId);
      const digest = listed.digest ?? spec.digest ?? textOf(image?.['digest']);
      const details = { ...spec, ...listed, digest };
      return { engine: engine === 'unknown' ? 'podman' : engine, details, isComplete: false };
    }
  }
  return undefined;
}

/** What a list of containers/storage has under an id. */
function entryOf(list: unknown, id: string | undefined): Json | undefined {
  const entry = Array.isArray(list) ? list.find((each) => isJson(each) && each['id'] === id) : undefined;
  return isJson(entry) ? entry : undefined;
}

/** An entry of containers.json: names, the image, and in `metadata` what podman wrote. */
function readListed(list: unknown, id: string): Partial<ContainerDetails> | undefined {
  const entry = entryOf(list, id);
  if (entry === undefined) return undefined;
  const metadata = parseJson(textOf(entry['metadata']) ?? '');
  const told = isJson(metadata) ? metadata : {};
  const image = textOf(told['image-name']);
  return {
    ...(image !== undefined && splitImage(image)),
    name: textOf(told['name']) ?? textsOf(entry['names'])?.[0],
    imageId: textOf(entry['image']) ?? textOf(told['image-id']),
    createdMs: timeOf(entry['created']),
  };
}

function homeInPasswd(user: number): string | undefined {
  const line = (readBounded('/etc/passwd', MOST_BYTES) ?? '')
    .split('\n')
    .find((each) => each.split(':')[2] === String(user));
  return line?.split(':')[5];
}

function readTask(folders: EngineFolders, container: CgroupContainer): FileAnswer | undefined {
  const { engine } = container;
  for (const bundle of tasksOf(folders, container)) {
    const details = readSpec(readJson(`${bundle}/config.json`));
    if (details === undefined) continue;
    const kind = /\/(plugins\.)?moby\/[^/]*$/.test(bundle) ? 'docker' : 'containerd';
    return { engine: engine === 'cri' || engine === 'unknown' ? kind : engine, details, isComplete: false };
  }
  return undefined;
}

/** Where containerd may have the bundle of a task. */
function tasksOf({ tasks: all }: EngineFolders, { id, namespace }: Pick<CgroupContainer, 'id' | 'namespace'>) {
  return all.flatMap((folder) =>
    (namespace === undefined ? namesIn(folder) : [namespace]).map((name) => `${folder}/${name}/${id}`),
  );
}

/** Where containers/storage may have that of a container. */
const bundlesIn = (storages: readonly string[], { id }: CgroupContainer): readonly string[] =>
  storages.flatMap((storage) => drivers.map((driver) => `${storage}/${driver}-containers/${id}/userdata`));

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // This engine is not here.
  }
}
