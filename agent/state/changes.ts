import { numberOfCall } from '../events/calls.ts';
import { file } from '../events/decode.ts';
import type { Event } from '../events/event.ts';
import type { Context, Process } from './process.ts';

/** What a process is at this moment, asked of the kernel; `undefined` when it is gone. */
export type Look = {
  cwd(process: Process): string | undefined;
  capabilities(process: Process): Capabilities | undefined;
  groups(process: Process): Groups | undefined;
};

export type Capabilities = Pick<Context, 'capEffective' | 'capPermitted' | 'capInheritable'>;
export type Groups = Pick<Context, 'sid' | 'pgid' | 'vsid' | 'vpgid' | 'tty'>;

type Change = (event: Event, process: Process, look: Look) => Partial<Context>;

/** The folder after a successful call: the kernel tells it when the path is relative, and for a descriptor. */
const changeFolder: Change = (event, process, look) => {
  const told = file.resolved(event) ?? (isRelative(event) ? file.base(event) : undefined);
  return { cwd: told ?? look.cwd(process) ?? file.absolute(event) };
};

const isRelative = (event: Event): boolean => file.path(event)?.startsWith('/') === false;

/** setsid(2): leads a new session and a new group, without a terminal. */
const newSession: Change = (_, { pid, vpid }) => ({ sid: pid, pgid: pid, vsid: vpid, vpgid: vpid, tty: 0 });

/** setpgid(2) of itself: 0 stands for its own number. Numbers of another pid namespace are asked of the kernel. */
const joinGroup: Change = (event, process, look) => {
  const group = Number(event.argument(1));
  const { pid, vpid } = process;
  if (group === 0 || group === vpid) return { pgid: pid, vpgid: vpid };
  if (vpid === pid) return { pgid: group, vpgid: group };
  const { pgid, vpgid } = look.groups(process) ?? { pgid: undefined, vpgid: undefined };
  return { pgid, vpgid };
};

const unknownCapabilities: Capabilities = {
  capEffective: undefined,
  capPermitted: undefined,
  capInheritable: undefined,
};

/**
 * Whoever changes the user may lose capabilities. What a process may do in a user namespace that it enters by unshare(2)
 * or setns(2) is no matter here: rules ask what it may do on the host.
 */
const changeCredentials: Change = (event, process, look) => ({
  uid: event.uid,
  gid: event.gid,
  ...(look.capabilities(process) ?? unknownCapabilities),
});

const changes: Readonly<Record<string, Change>> = {
  chdir: changeFolder,
  fchdir: changeFolder,
  setsid: newSession,
  setpgid: joinGroup,
  setuid: changeCredentials,
  setgid: changeCredentials,
  setreuid: changeCredentials,
  setregid: changeCredentials,
  setresuid: changeCredentials,
  setresgid: changeCredentials,
  setfsuid: changeCredentials,
  capset: changeCredentials,
};

/** Calls after which a process is not what it was: captured whether or not a rule names them. */
export const stateCalls: readonly string[] = Object.keys(changes);

/** By number; most are empty. */
const byNumber: ({ readonly name: string; readonly change: Change } | undefined)[] = Array.from({ length: 512 });
for (const [name, change] of Object.entries(changes)) byNumber[numberOfCall(name) ?? 0] = { name, change };
const setpgid = numberOfCall('setpgid');

/** What the call changed in the process that made it; `undefined`: nothing. */
export function changeOf(event: Event, process: Process, look: Look): Partial<Context> | undefined {
  const found = byNumber[event.nr];
  if (found === undefined || event.ret < 0) return undefined;
  const { name, change } = found;
  // All threads have one folder, but each its own credentials: the process's are its first thread's.
  if (change === changeCredentials && event.tid !== event.pid) return undefined;
  if (name === 'setpgid' && !isSelf(Number(event.argument(0)), process)) return undefined;
  return change(event, process, look);
}

const isSelf = (target: number, { vpid }: Process): boolean => target === 0 || target === vpid;

/** setpgid(2) of a child, which a shell does for its jobs: whose group changed, and to which. Only without namespaces. */
export function childGroupOf(
  event: Event,
  process: Process,
): { readonly child: number; readonly pgid: number } | undefined {
  if (event.nr !== setpgid || event.ret < 0 || process.vpid !== process.pid) return undefined;
  const child = Number(event.argument(0));
  if (isSelf(child, process)) return undefined;
  const group = Number(event.argument(1));
  return { child, pgid: group === 0 ? child : group };
}
