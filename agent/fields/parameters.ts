import type { FieldValue } from '#rules/language/field';
import { dataOf, file, pairOf, socket } from '../events/decode.ts';
import { letterOf, nameOf } from './descriptor.ts';
import { type FlagNames, nameError, nameFlags, openFlags as openFlagNames, openFlagsOf } from './flag-names.ts';
import { fromFolder, isCreated, openFlagsOfCall, path, pathRaw, secondPath, secondPathRaw } from './paths.ts';
import type { Scene } from './scene.ts';
import { socketName } from './socket.ts';

/** One parameter of an event, as `evt.arg.NAME`, `evt.rawarg.NAME` and `evt.args` show it. */
export type Parameter = {
  readonly name: string;
  readonly raw: (scene: Scene) => FieldValue | undefined;
  /** As it is written: the number of a flag, the path as given. */
  readonly text: (scene: Scene) => string | undefined;
  /** What it means: names of flags, the absolute path. Empty when there is nothing to add. */
  readonly meaning?: (scene: Scene) => string | undefined;
};

/** `evt.arg.NAME`: what it means, else as it is written. */
export function showParameter(parameter: Parameter, scene: Scene): string | undefined {
  const meaning = parameter.meaning?.(scene);
  return meaning === undefined || meaning === '' ? parameter.text(scene) : meaning;
}

/** `fd=3(<f>/etc/passwd)`, as in `evt.args`. */
export function writeParameter(parameter: Parameter, scene: Scene): string {
  const text = parameter.text(scene) ?? '<NA>';
  const meaning = parameter.meaning?.(scene);
  return `${parameter.name}=${meaning === undefined || meaning === '' ? text : `${text}(${meaning})`}`;
}

export function parameter(
  name: string,
  raw: (scene: Scene) => FieldValue | undefined,
  meaning?: (scene: Scene) => string | undefined,
): Parameter {
  const text = (scene: Scene) => {
    const value = raw(scene);
    return value === undefined ? undefined : String(value);
  };
  return meaning === undefined ? { name, raw, text } : { name, raw, text, meaning };
}

const errorOf = ({ event }: Scene): string | undefined =>
  event.hasResult && event.ret < 0 ? nameError(event.ret) : undefined;

/** What the call returned, where that is known. */
const returned = ({ event }: Scene): number | undefined => (event.hasResult ? event.ret : undefined);
export const result = parameter('res', returned, errorOf);

const AT_FDCWD = -100;

/** `<f>/etc/passwd`, `<4>10.0.0.1:5->10.0.0.2:443`. */
function descriptor(scene: Scene): string | undefined {
  const letter = letterOf(scene);
  return letter === undefined ? undefined : `<${letter}>${nameOf(scene) ?? ''}`;
}

/** The descriptor that the call returned; its error when it failed. */
export const opened = parameter('fd', returned, (scene) => errorOf(scene) ?? descriptor(scene));

/** The descriptor that the call was given as its argument `index`, from 0. */
export function given(name: string, index: number): Parameter {
  const raw = (scene: Scene) => {
    if (scene.kind === 'file') return file.fd(scene.event);
    return scene.kind === 'socket' ? socket.fd(scene.event) : int(scene, index);
  };
  return parameter(name, raw, descriptor);
}

/** An exec, a fork and an exit have no arguments. */
const hasArguments = ({ kind }: Scene): boolean =>
  kind === 'call' || kind === 'file' || kind === 'socket' || kind === 'polled';

const int = (scene: Scene, index: number): number | undefined =>
  hasArguments(scene) ? Number(BigInt.asIntN(32, scene.event.argument(index))) : undefined;

const uint = (scene: Scene, index: number): number | undefined =>
  hasArguments(scene) ? Number(BigInt.asUintN(32, scene.event.argument(index))) : undefined;

export const integer = (name: string, index: number): Parameter => parameter(name, (scene) => int(scene, index));

export const unsigned = (name: string, index: number): Parameter =>
  parameter(name, (scene) => (hasArguments(scene) ? scene.event.argument(index) : undefined));

/** An offset: 64 bits with a sign. */
export const signed = (name: string, index: number): Parameter =>
  parameter(name, (scene) => (hasArguments(scene) ? BigInt.asIntN(64, scene.event.argument(index)) : undefined));

/** A parameter of the original's that no record carries; it keeps the place of those behind it. */
export const missing = (name: string): Parameter => parameter(name, () => undefined);

/** What was read or written, its first 80 bytes; empty when a call failed. */
export const data = parameter('data', ({ event }) => dataOf(event));

/** One of the two descriptors that a call left where argument `index` says. */
export const made = (name: string, index: number, which: 0 | 1): Parameter =>
  parameter(name, ({ kind, event }) => (kind === 'call' ? pairOf(event, index)?.[which] : undefined));

/** O_* flags that are no open's: without a way of access. */
export function descriptorFlags(name: string, index: number): Parameter {
  const raw = (scene: Scene) => {
    const given = uint(scene, index);
    return given === undefined ? undefined : openFlagsOf(given, false) & ~accessBits;
  };
  return parameter(name, raw, (scene) => nameFlags(raw(scene) ?? 0, openFlagNames));
}
const accessBits = 3;

/** uid_t and gid_t: 4294967295 means "leave as it is" in some calls. */
export const user = (name: string, index: number): Parameter =>
  parameter(
    name,
    (scene) => uint(scene, index),
    (scene) => scene.around.users.user(uint(scene, index) ?? -1)?.name,
  );

export const group = (name: string, index: number): Parameter =>
  parameter(
    name,
    (scene) => uint(scene, index),
    (scene) => scene.around.users.groupName(uint(scene, index) ?? -1),
  );

/** A number that has a name: a request, a command, a family; `part` takes it out of the argument. */
export function named(
  name: string,
  index: number,
  names: ReadonlyMap<number, string>,
  part = (value: number): number => value,
): Parameter {
  const raw = (scene: Scene) => {
    const value = int(scene, index);
    return value === undefined ? undefined : part(value);
  };
  return parameter(name, raw, (scene) => names.get(raw(scene) ?? -1));
}

const onlyFile = (read: (scene: Scene) => string | undefined) => (scene: Scene) =>
  scene.kind === 'file' ? read(scene) : undefined;

const unlessSame = (text: string | undefined, other: string | undefined) => (text === other ? undefined : text);

/** A path of the file system: as given, and absolute where that differs. */
export const firstPath = (name: string): Parameter =>
  parameter(
    name,
    onlyFile(pathRaw),
    onlyFile((scene) => unlessSame(path(scene), pathRaw(scene))),
  );

export const otherPath = (name: string): Parameter =>
  parameter(
    name,
    onlyFile(secondPathRaw),
    onlyFile((scene) => unlessSame(secondPath(scene), secondPathRaw(scene))),
  );

/** Text that need not be a path of this file system: the target of a symbolic link, the device of a mount. */
export const firstText = (name: string): Parameter => parameter(name, onlyFile(pathRaw));
export const otherText = (name: string): Parameter => parameter(name, onlyFile(secondPathRaw));
export const extraText = (name: string): Parameter =>
  parameter(
    name,
    onlyFile(({ event }) => file.extra(event)),
  );

function folder(name: string, read: (scene: Scene) => number): Parameter {
  return parameter(
    name,
    (scene) => (scene.kind === 'file' ? read(scene) : undefined),
    (scene) => (scene.kind === 'file' && read(scene) === AT_FDCWD ? 'AT_FDCWD' : undefined),
  );
}
export const firstFolder = (name: string): Parameter => folder(name, ({ event }) => file.dirfd(event));
export const otherFolder = (name: string): Parameter => folder(name, ({ event }) => file.dirfd2(event));

export const openFlags = (
  name: string,
  names: FlagNames,
  toOwn: (kernel: number, created: boolean) => number,
): Parameter => {
  const raw = (scene: Scene) => (scene.kind === 'file' ? toOwn(openFlagsOfCall(scene), isCreated(scene)) : undefined);
  return parameter(name, raw, (scene) => nameFlags(raw(scene) ?? 0, names));
};

/** Flags that a file record has as such, or those in argument `index`. */
export const flags = (name: string, names: FlagNames, index?: number): Parameter => {
  const raw = (scene: Scene) => {
    if (index !== undefined) return uint(scene, index);
    return scene.kind === 'file' ? file.flags(scene.event) : undefined;
  };
  return parameter(name, raw, (scene) => nameFlags(raw(scene) ?? 0, names));
};

export const mode = (name: string, names: FlagNames): Parameter => {
  const raw = (scene: Scene) => (scene.kind === 'file' ? file.mode(scene.event) & 0o177777 : undefined);
  return {
    name,
    raw,
    text: (scene) => {
      const value = raw(scene);
      return value === undefined ? undefined : `0${(value & 0o7777).toString(8)}`;
    },
    meaning: (scene) => nameFlags(raw(scene) ?? 0, names),
  };
};

export const device = parameter('dev', (scene) => (scene.kind === 'file' ? file.device(scene.event) : undefined));
export const inode = parameter('ino', (scene) => (scene.kind === 'file' ? file.inode(scene.event) : undefined));

/** Both ends of a connection. */
export const tuple = parameter('tuple', (scene) => (scene.kind === 'socket' ? socketName(scene) : undefined));
export const address = parameter('addr', (scene) => (scene.kind === 'socket' ? socketName(scene) : undefined));

/** A path that a call without a record of paths has only in memory: the process's own folder makes it absolute. */
export const changedFolder = (name: string): Parameter =>
  parameter(
    name,
    onlyFile(pathRaw),
    onlyFile((scene) => unlessSame(fromFolder(scene, pathRaw(scene)), pathRaw(scene))),
  );

/** What is read of the process rather than of the call. */
export const ofProcess = (
  name: string,
  read: (process: NonNullable<Scene['process']>) => FieldValue | undefined,
  meaning?: (scene: Scene) => string | undefined,
): Parameter => parameter(name, ({ process }) => (process === undefined ? undefined : read(process)), meaning);

export { parameter as ofEvent };
