import type { FieldValue } from '#rules/language/field';
import { commandLineOf, type Process } from '../state/process.ts';
import { nameCapabilities } from './capabilities.ts';
import { environmentAt, isProgramWritable } from './program.ts';
import type { Reader, ReaderTable, Scene } from './scene.ts';

type OfProcess = (process: Process) => FieldValue | undefined;

const own =
  (read: OfProcess): Reader =>
  ({ process }) =>
    process === undefined ? undefined : read(process);

const ofParent =
  (read: OfProcess): Reader =>
  ({ process, around }) => {
    const parent = process && around.processes.ancestor(process, 1);
    return parent && read(parent);
  };

/** With a level, the one ancestor (0 is the process itself); without, all of them, the parent first. */
const ofAncestors =
  (read: OfProcess) =>
  (level: string | number | undefined): Reader | undefined => {
    if (typeof level === 'string') return undefined;
    if (level !== undefined) {
      return ({ process, around }) => {
        const ancestor = process && around.processes.ancestor(process, level);
        return ancestor && read(ancestor);
      };
    }
    return ({ process, around }) => {
      if (process === undefined) return undefined;
      return around.processes.ancestors(process).flatMap((ancestor) => read(ancestor) ?? []);
    };
  };

const name: OfProcess = ({ comm }) => comm;
const exe: OfProcess = ({ program }) => program.argv[0];
const exePath: OfProcess = ({ program }) => program.exePath;
const textOfArguments = ({ program }: Process): string => program.args;
const commandLine: OfProcess = commandLineOf;
const exeLine: OfProcess = (process) =>
  process.program.argv[0] === undefined ? undefined : joined(process.program.argv[0], textOfArguments(process));
const joined = (first: string, rest: string): string => (rest === '' ? first : `${first} ${rest}`);

/** The original's folders end in a slash. */
const folder: OfProcess = ({ context: { cwd } }) => (cwd === undefined || cwd.endsWith('/') ? cwd : `${cwd}/`);

function bindArguments(level: string | number | undefined): Reader | undefined {
  if (level === undefined) return own(textOfArguments);
  return typeof level === 'number' ? own(({ program }) => program.argv[level + 1]) : undefined;
}

/** A process that leads others: found by pid, or, when it has ended, through an ancestor that is in the same group. */
const ofLeader =
  (pidOf: (process: Process) => number | undefined, read: OfProcess): Reader =>
  ({ process, around }) => {
    const pid = process && pidOf(process);
    if (process === undefined || pid === undefined) return undefined;
    if (pid === process.pid) return read(process);
    const leader = around.processes.peek(pid);
    // A later process may have got the leader's pid.
    if (leader !== undefined && leader.startNs <= process.startNs) return read(leader);
    return around.processes
      .ancestors(process)
      .filter((ancestor) => pidOf(ancestor) === pid)
      .map(read)
      .at(-1);
  };

const ofSession = (read: OfProcess): Reader => ofLeader(({ context }) => context.sid, read);
const ofGroup = (read: OfProcess): Reader => ofLeader(({ context }) => context.pgid, read);

/** The oldest shell among the process and its ancestors: what was logged in with. */
const loginShell: Reader = ({ process, around }) => {
  if (process === undefined) return undefined;
  const line = [process, ...around.processes.ancestors(process)];
  return line.filter(({ comm }) => comm.endsWith('sh')).at(-1)?.pid;
};

const durationOf = ({ event }: Scene, process: Process): number => Math.max(0, event.timeNs - process.startNs);

const parentOf = ({ process, around }: Scene): Process | undefined => process && around.processes.ancestor(process, 1);

function variable(environment: string | undefined, wanted: string): string | undefined {
  const prefix = `${wanted}=`;
  return environment
    ?.split('\0')
    .find((entry) => entry.startsWith(prefix))
    ?.slice(prefix.length);
}

const spaced = (environment: string | undefined): string | undefined =>
  environment?.replace(/\0$/, '').replaceAll('\0', ' ');

/** Remembers the last one: what a shell starts has the shell's environment, program after program. */
function makeSpaced(): typeof spaced {
  let last: string | undefined;
  let text: string | undefined;
  return (environment) => {
    if (environment !== last) text = spaced(environment);
    last = environment;
    return text;
  };
}

function bindEnvironment(which: string | number | undefined): Reader {
  const spacedOnce = makeSpaced();
  return ({ event, process, around }) => {
    if (process === undefined) return undefined;
    const environment = environmentAt(event, process, around);
    if (which === undefined) return spacedOnce(environment);
    return typeof which === 'string' ? variable(environment, which) : environment?.split('\0')[which];
  };
}

/** By level the whole environment of that ancestor; by name the variable in any of them. */
function bindAncestorEnvironment(which: string | number | undefined): Reader {
  return ({ process, around }) => {
    if (process === undefined) return undefined;
    if (typeof which === 'number') {
      const ancestor = around.processes.ancestor(process, which);
      return ancestor && spaced(around.environment(ancestor));
    }
    const all = around.processes.ancestors(process).map((ancestor) => around.environment(ancestor));
    return all.flatMap(
      (environment) => (which === undefined ? spaced(environment) : variable(environment, which)) ?? [],
    );
  };
}

const capabilitySet = (read: (process: Process) => bigint | undefined): Reader =>
  own((process) => {
    const set = read(process);
    return set === undefined ? undefined : nameCapabilities(set);
  });

/** Fields of the process that made the event, of its line of parents, and of the thread. */
export const procFields = {
  'proc.name': { read: ({ process, event }) => process?.comm ?? event.comm },
  'proc.pname': { read: ofParent(name) },
  'proc.aname': { bind: ofAncestors(name) },
  'proc.exe': { read: own(exe) },
  'proc.pexe': { read: ofParent(exe) },
  'proc.aexe': { bind: ofAncestors(exe) },
  'proc.exepath': { read: own(exePath) },
  'proc.pexepath': { read: ofParent(exePath) },
  'proc.aexepath': { bind: ofAncestors(exePath) },
  'proc.args': { bind: bindArguments },
  // Only of one ancestor: the arguments of all of them are not one text.
  'proc.aargs': { bind: (level) => (level === undefined ? undefined : ofAncestors(textOfArguments)(level)) },
  'proc.cmdline': { read: own(commandLine) },
  'proc.pcmdline': { read: ofParent(commandLine) },
  'proc.acmdline': { bind: ofAncestors(commandLine) },
  'proc.exeline': { read: own(exeLine) },
  'proc.cmdnargs': { read: own(({ program }) => Math.max(0, program.argv.length - 1)) },
  'proc.cmdlenargs': { read: own(({ program }) => program.argv.slice(1).reduce((sum, { length }) => sum + length, 0)) },
  'proc.env': { bind: bindEnvironment },
  'proc.aenv': { bind: bindAncestorEnvironment },
  'proc.cwd': { read: own(folder) },
  'proc.loginshellid': { read: loginShell },
  'proc.tty': { read: own(({ context }) => context.tty) },
  'proc.pid': { read: ({ event }) => event.pid },
  'proc.ppid': { read: ({ event }) => event.ppid },
  'proc.apid': { bind: ofAncestors(({ pid }) => pid) },
  'proc.vpid': { read: ({ event }) => event.vpid },
  'proc.pvpid': { read: ofParent(({ vpid }) => vpid) },
  'proc.sid': { read: own(({ context }) => context.sid) },
  'proc.sname': { read: ofSession(name) },
  'proc.sid.exe': { read: ofSession(exe) },
  'proc.sid.exepath': { read: ofSession(exePath) },
  'proc.pgid': { read: own(({ context }) => context.pgid) },
  'proc.pgid.name': { read: ofGroup(name) },
  'proc.pgid.exe': { read: ofGroup(exe) },
  'proc.pgid.exepath': { read: ofGroup(exePath) },
  'proc.vpgid': { read: own(({ context }) => context.vpgid) },
  'proc.vpgid.name': { read: ofGroup(name) },
  'proc.vpgid.exe': { read: ofGroup(exe) },
  'proc.vpgid.exepath': { read: ofGroup(exePath) },
  'proc.is_sid_leader': { read: own(({ pid, context: { sid } }) => (sid === undefined ? undefined : sid === pid)) },
  'proc.is_pgid_leader': { read: own(({ pid, context: { pgid } }) => (pgid === undefined ? undefined : pgid === pid)) },
  'proc.is_vpgid_leader': {
    read: own(({ vpid, context: { vpgid } }) => (vpgid === undefined ? undefined : vpgid === vpid)),
  },
  'proc.duration': { read: (scene) => scene.process && durationOf(scene, scene.process) },
  'proc.ppid.duration': {
    read: (scene) => {
      const parent = parentOf(scene);
      return parent && durationOf(scene, parent);
    },
  },
  'proc.pid.ts': { read: ({ process, around }) => process && around.wallNs(process.startNs) },
  'proc.ppid.ts': {
    read: (scene) => {
      const parent = parentOf(scene);
      return parent && scene.around.wallNs(parent.startNs);
    },
  },
  'proc.is_exe_writable': { read: own(isProgramWritable) },
  'proc.is_exe_upper_layer': { read: own(({ program }) => program.upperLayer) },
  'proc.is_exe_lower_layer': { read: own(({ program }) => program.lowerLayer) },
  'proc.is_exe_from_memfd': { read: own(({ program }) => program.memfd) },
  'proc.exe_ino': { read: own(({ program }) => program.inode) },
  'thread.cap_permitted': { read: capabilitySet(({ context }) => context.capPermitted) },
  'thread.cap_inheritable': { read: capabilitySet(({ context }) => context.capInheritable) },
  'thread.cap_effective': { read: capabilitySet(({ context }) => context.capEffective) },
  'thread.tid': { read: ({ event }) => event.tid },
  'thread.ismain': { read: ({ event }) => event.tid === event.pid },
  'thread.vtid': { read: ({ event }) => event.vtid },
  'thread.nametid': { read: ({ process, event }) => `${process?.comm ?? event.comm}${event.tid}` },
} as const satisfies ReaderTable;
