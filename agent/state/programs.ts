import { exec, splitArgv } from '../events/decode.ts';
import type { Event } from '../events/event.ts';
import type { Context, Program } from './process.ts';

/** Programs that are remembered, one of each path; beyond, all are learnt anew. */
const MOST_PROGRAMS = 1_024;
/** Longer command lines seldom come again, and somebody may make them up to fill memory. */
const LONGEST = 512;

/** Hosts start the same few programs again and again, with the same arguments: each is one object for all its processes. */
export class Programs {
  /** By path: what was run there last, with its arguments as the record has them. */
  readonly #byPath = new Map<string, { readonly argv: string | undefined; readonly program: Program }>();

  /** The program that a record of exec tells of. */
  of(event: Event): Program {
    const exePath = exec.exePath(event);
    const argv = exec.argv(event);
    if (exePath === undefined) return makeProgram(event, exePath, argv);
    const last = this.#byPath.get(exePath);
    if (last !== undefined && last.argv === argv && isSameFile(last.program, event)) return last.program;
    const program = makeProgram(event, exePath, argv);
    if (argv !== undefined && argv.length > LONGEST) return program;
    if (last === undefined && this.#byPath.size >= MOST_PROGRAMS) this.#byPath.clear();
    this.#byPath.set(exePath, { argv, program });
    return program;
  }
}

function makeProgram(event: Event, exePath: string | undefined, argv: string | undefined): Program {
  const words = splitArgv(argv);
  return {
    exePath,
    argv: words,
    args: argsOf(words),
    line: undefined,
    inode: exec.inode(event),
    device: exec.device(event),
    fileMode: exec.fileMode(event),
    fileUid: exec.fileUid(event),
    upperLayer: exec.upperLayer(event),
    lowerLayer: exec.lowerLayer(event),
    memfd: exec.memfd(event),
  };
}

export const argsOf = (argv: readonly string[]): string => argv.slice(1).join(' ');

function isSameFile(known: Program, event: Event): boolean {
  return (
    known.inode === exec.inode(event) &&
    known.device === exec.device(event) &&
    known.fileMode === exec.fileMode(event) &&
    known.fileUid === exec.fileUid(event) &&
    known.upperLayer === exec.upperLayer(event) &&
    known.lowerLayer === exec.lowerLayer(event) &&
    known.memfd === exec.memfd(event)
  );
}

/** What the process of a record of exec has of its parent: the same object if nothing of it was changed since. */
export function contextOf(event: Event, known: Context | undefined): Context {
  if (known !== undefined && isSameContext(known, event)) return known;
  return {
    cwd: exec.cwd(event),
    tty: exec.tty(event),
    sid: exec.sid(event),
    pgid: exec.pgid(event),
    vsid: exec.vsid(event),
    vpgid: exec.vpgid(event),
    uid: event.uid,
    gid: event.gid,
    loginUid: event.loginUid,
    cgroup: exec.cgroup(event),
    capEffective: exec.capEffective(event),
    capPermitted: exec.capPermitted(event),
    capInheritable: exec.capInheritable(event),
  };
}

function isSameContext(known: Context, event: Event): boolean {
  return (
    known.uid === event.uid &&
    known.gid === event.gid &&
    known.loginUid === event.loginUid &&
    known.tty === exec.tty(event) &&
    known.sid === exec.sid(event) &&
    known.pgid === exec.pgid(event) &&
    known.vsid === exec.vsid(event) &&
    known.vpgid === exec.vpgid(event) &&
    known.cwd === exec.cwd(event) &&
    known.cgroup === exec.cgroup(event) &&
    known.capEffective === exec.capEffective(event) &&
    known.capPermitted === exec.capPermitted(event) &&
    known.capInheritable === exec.capInheritable(event)
  );
}
