import type { Context, Process, Program } from './process.ts';
import { argsOf } from './programs.ts';
import { noProgram } from './snapshot.ts';

type Own = Omit<Process, 'program' | 'context'>;

/** A process for tests, told by what matters there; the rest is that of `like`, or not known. */
export function sampleProcess(parts: Partial<Own & Program & Context>, like: Process = nobody): Process {
  const { program, context, ...own } = like;
  return {
    ...pick(own, parts),
    program: { ...pick(program, parts), args: argsOf(parts.argv ?? program.argv), line: undefined },
    context: pick(context, parts),
  };
}

/** `of` with those of its keys changed that `parts` has. */
function pick<T extends object>(of: T, parts: Partial<T>): T {
  const changes = Object.entries(parts).filter(([key]) => key in of);
  return { ...of, ...Object.fromEntries(changes) };
}

const nobody: Process = {
  pid: 0,
  startNs: 0,
  ppid: 0,
  parentStartNs: undefined,
  parent: undefined,
  comm: '',
  vpid: undefined,
  program: noProgram,
  context: {
    cwd: undefined,
    tty: 0,
    sid: undefined,
    pgid: undefined,
    vsid: undefined,
    vpgid: undefined,
    uid: 0,
    gid: 0,
    loginUid: undefined,
    cgroup: undefined,
    capEffective: undefined,
    capPermitted: undefined,
    capInheritable: undefined,
  },
  firstArgv: undefined,
  execNs: undefined,
  exitNs: undefined,
  isParent: false,
  earlier: undefined,
};
