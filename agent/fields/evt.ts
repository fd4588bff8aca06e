import { dataOf, file } from '../events/decode.ts';
import { clockTime, dateTime, isoTimeOf } from '../state/wall-time.ts';
import { parametersOf } from './arguments.ts';
import { categoryOf } from './category.ts';
import { kindOf, nameOf } from './descriptor.ts';
import { nameError, O_TMPFILE } from './flag-names.ts';
import { showParameter, writeParameter } from './parameters.ts';
import { isCreated, isOpen, openFlagsOfCall, path, secondPath } from './paths.ts';
import type { Reader, ReaderTable, Scene } from './scene.ts';

const NS_PER_S = 1_000_000_000n;
const NS_PER_MS = 1_000_000n;

const wallNs = ({ event, around }: Scene): bigint => around.wallNs(event.timeNs);
const clock = (scene: Scene): string => clockTime(wallNs(scene), scene.around.offsetMinutes());
const date = (scene: Scene): string => dateTime(wallNs(scene), scene.around.offsetMinutes());
const withoutFraction = (text: string): string => text.slice(0, text.lastIndexOf('.'));

const sinceStart = ({ event, around }: Scene): number => Math.max(0, event.timeNs - around.startedNs);
const sinceLast = ({ event, previousNs }: Scene): number => Math.max(0, event.timeNs - previousNs);
const wholeSeconds = (ns: number): number => Math.floor(ns / 1e9);
const restNs = (ns: number): number => ns % 1e9;

/** What a call returned; processes that end and forks return nothing that could be an error. */
const returned = ({ kind, event }: Scene): number | undefined =>
  kind === 'exit' || !event.hasResult ? undefined : event.ret;

const hasFailed = (scene: Scene): boolean => (returned(scene) ?? 0) < 0;

const errorCount =
  (isWanted: (category: string) => boolean): Reader =>
  (scene) =>
    hasFailed(scene) && isWanted(categoryOf(scene.type)) ? 1 : undefined;

const ANY_EXECUTE = 0o111;
const readable: ReadonlySet<number> = new Set([0, 2]);
const writable: ReadonlySet<number> = new Set([1, 2]);

/** The three lowest bits of open(2)'s flags say how; only opens have them. */
const accessOf = (scene: Scene): number | undefined => (isOpen(scene) ? openFlagsOfCall(scene) & 3 : undefined);

function opensWith(modes: ReadonlySet<number>): Reader {
  return (scene) => {
    const access = accessOf(scene);
    return access !== undefined && modes.has(access);
  };
}

function isOpenExec(scene: Scene): boolean {
  if (!isOpen(scene)) return false;
  const creates = isCreated(scene) || (openFlagsOfCall(scene) & O_TMPFILE) === O_TMPFILE;
  return creates && (file.mode(scene.event) & ANY_EXECUTE) !== 0;
}

const reading: ReadonlySet<string> = new Set(
  'read pread readv preadv preadv2 recv recvfrom recvmsg recvmmsg'.split(' '),
);
const writing: ReadonlySet<string> = new Set(
  'write pwrite writev pwritev pwritev2 send sendto sendmsg sendmmsg'.split(' '),
);
const waiting: ReadonlySet<string> = new Set(
  'poll ppoll select pselect6 epoll_wait epoll_pwait epoll_pwait2 nanosleep clock_nanosleep futex'.split(' '),
);

const directionOf = ({ type }: Scene): 'r' | 'w' | undefined =>
  reading.has(type) ? 'r' : writing.has(type) ? 'w' : undefined;

/** How many bytes a call moved. */
function bytesMoved(scene: Scene): number | undefined {
  return directionOf(scene) === undefined || scene.event.ret < 0 ? undefined : scene.event.ret;
}

/** Of calls in one direction, or on one kind of descriptor, only. */
function bytesIf(isWanted: (scene: Scene) => boolean): Reader {
  return (scene) => (isWanted(scene) ? bytesMoved(scene) : undefined);
}
const isIn = (scene: Scene): boolean => directionOf(scene) === 'r';
const isOut = (scene: Scene): boolean => directionOf(scene) === 'w';
const isFile = (scene: Scene): boolean => kindOf(scene) === 'file';
const isNet = (scene: Scene): boolean => kindOf(scene) === 'ipv4' || kindOf(scene) === 'ipv6';

const text = (scene: Scene): string =>
  parametersOf(scene.type)
    .map((parameter) => writeParameter(parameter, scene))
    .join(' ');

function bindArgument(argument: string | number | undefined): Reader | undefined {
  if (argument === undefined) return undefined;
  return (scene) => {
    const parameters = parametersOf(scene.type);
    const found =
      typeof argument === 'number' ? parameters[argument] : parameters.find(({ name }) => name === argument);
    return found && showParameter(found, scene);
  };
}

function bindRawArgument(argument: string | number | undefined): Reader {
  return (scene) =>
    parametersOf(scene.type)
      .find(({ name }) => name === argument)
      ?.raw(scene);
}

/** Milliseconds between the event and a moment; the condition compares it with the allowed distance. */
function bindAround(argument: string | number | undefined): Reader | undefined {
  if (argument === undefined || !/^\d+$/.test(String(argument))) return undefined;
  const momentNs = BigInt(argument);
  return (scene) => {
    const gap = wallNs(scene) - momentNs;
    return Number((gap < 0n ? -gap : gap) / NS_PER_MS);
  };
}

/** Each place where a rule names it counts for itself, as in the original. */
function bindCounter(): Reader {
  let count = 0;
  return () => ++count;
}

/** The event's own fields. */
export const evtFields = {
  'evt.num': { read: ({ number }) => number },
  'evt.time': { read: clock },
  'evt.time.s': { read: (scene) => withoutFraction(clock(scene)) },
  'evt.time.iso8601': { read: (scene) => isoTimeOf(wallNs(scene)) },
  'evt.datetime': { read: date },
  'evt.datetime.s': { read: (scene) => withoutFraction(date(scene)) },
  'evt.rawtime': { read: wallNs },
  'evt.rawtime.s': { read: (scene) => Number(wallNs(scene) / NS_PER_S) },
  'evt.rawtime.ns': { read: (scene) => Number(wallNs(scene) % NS_PER_S) },
  'evt.reltime': { read: sinceStart },
  'evt.reltime.s': { read: (scene) => wholeSeconds(sinceStart(scene)) },
  'evt.reltime.ns': { read: (scene) => restNs(sinceStart(scene)) },
  'evt.deltatime': { read: sinceLast },
  'evt.deltatime.s': { read: (scene) => wholeSeconds(sinceLast(scene)) },
  'evt.deltatime.ns': { read: (scene) => restNs(sinceLast(scene)) },
  'evt.outputtime': { read: clock },
  'evt.latency': { read: () => 0 },
  'evt.latency.s': { read: () => 0 },
  'evt.latency.ns': { read: () => 0 },
  'evt.latency.human': { read: () => '0ns' },
  'evt.wait_latency': { read: () => 0 },
  'evt.source': { read: () => 'syscall' },
  'evt.is_async': { read: () => false },
  'evt.hostname': { read: ({ around }) => around.hostname },
  'evt.dir': { read: () => '<' },
  'evt.type': { read: ({ type }) => type },
  'evt.type.is': { bind: (name) => (scene) => (scene.type === name ? 1 : 0) },
  'syscall.type': { read: ({ kind, type }) => (kind === 'exit' ? undefined : type) },
  'evt.category': { read: ({ type }) => categoryOf(type) },
  'evt.cpu': { read: ({ event }) => event.cpu },
  'evt.args': { read: text },
  'evt.info': { read: text },
  'evt.arg': { bind: bindArgument },
  'evt.rawarg': { bind: bindRawArgument },
  'evt.res': {
    read: (scene) => {
      const value = returned(scene);
      return value === undefined ? undefined : value < 0 ? nameError(value) : 'SUCCESS';
    },
  },
  'evt.rawres': { read: returned },
  'evt.failed': { read: hasFailed },
  'evt.count': { read: () => 1 },
  'evt.count.error': { read: errorCount(() => true) },
  'evt.count.error.file': { read: errorCount((category) => category === 'file') },
  'evt.count.error.net': { read: errorCount((category) => category === 'net') },
  'evt.count.error.memory': { read: errorCount((category) => category === 'memory') },
  'evt.count.error.other': { read: errorCount((category) => !['file', 'net', 'memory'].includes(category)) },
  'evt.count.exit': { read: () => 1 },
  'evt.buffer': { read: ({ event }) => dataOf(event) },
  'evt.buflen': { read: bytesMoved },
  'evt.buflen.in': { read: bytesIf(isIn) },
  'evt.buflen.out': { read: bytesIf(isOut) },
  'evt.buflen.file': { read: bytesIf(isFile) },
  'evt.buflen.file.in': { read: bytesIf((scene) => isFile(scene) && isIn(scene)) },
  'evt.buflen.file.out': { read: bytesIf((scene) => isFile(scene) && isOut(scene)) },
  'evt.buflen.net': { read: bytesIf(isNet) },
  'evt.buflen.net.in': { read: bytesIf((scene) => isNet(scene) && isIn(scene)) },
  'evt.buflen.net.out': { read: bytesIf((scene) => isNet(scene) && isOut(scene)) },
  'evt.is_io': { read: (scene) => directionOf(scene) !== undefined },
  'evt.is_io_read': { read: isIn },
  'evt.is_io_write': { read: isOut },
  'evt.io_dir': { read: directionOf },
  'evt.is_wait': { read: ({ type }) => waiting.has(type) },
  'evt.is_syslog': { read: (scene) => isOut(scene) && nameOf(scene)?.includes('/dev/log') === true },
  'evt.around': { bind: bindAround },
  'evt.abspath': {
    bind: (which) => (scene) => {
      if (scene.kind !== 'file') return undefined;
      return which === 'dst' ? secondPath(scene) : path(scene);
    },
  },
  'evt.is_io_uring': { read: ({ event }) => event.isUring },
  'util.cnt': { bind: bindCounter },
  'evt.is_open_read': { read: opensWith(readable) },
  'evt.is_open_write': { read: opensWith(writable) },
  'evt.is_open_exec': { read: isOpenExec },
  'evt.is_open_create': { read: (scene) => isOpen(scene) && isCreated(scene) },
} as const satisfies ReaderTable;
