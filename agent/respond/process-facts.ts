import { readFileSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseProcCgroup } from '../state/containers/cgroup.ts';
import type { ProcessFacts, Self } from './guard.ts';
import { readStat } from './process.ts';

const MOST_ANCESTORS = 64;
const MOST_ARGV_BYTES = 65_536;

/** What the guard rails ask of a process, as it is now; `undefined` when it is gone. */
export function readFacts(pid: number): ProcessFacts | undefined {
  const stat = readStat(pid);
  if (stat === undefined) return undefined;
  const { isKernelThread, name } = stat;
  const link = readLink(`/proc/${pid}/exe`);
  const exe = link?.replace(/ \(deleted\)$/, '');
  const isHostProgram = exe !== undefined && !isInContainer(pid) && isOfHost(pid, exe);
  return { pid, isKernelThread, name, exe, isHostProgram, script: isHostProgram ? scriptOf(pid, exe) : undefined };
}

/** The agent, and all that it descends from: a shell or a supervisor whose end would be its own. */
export function readSelf(pid: number, script: string): Self {
  const pids = new Set<number>();
  for (let at = pid; at > 1 && pids.size < MOST_ANCESTORS; at = readStat(at)?.ppid ?? 0) pids.add(at);
  return { pids, script };
}

function isInContainer(pid: number): boolean {
  try {
    return parseProcCgroup(readFileSync(`/proc/${pid}/cgroup`, 'latin1')).container !== undefined;
  } catch {
    return false; // Gone: there is nothing left to protect.
  }
}

/**
 * Whether the program is the file that the host has at this path, and only root may change it. An unprivileged user can
 * mount any file over /usr/bin/dockerd in a namespace of his own, so the file is compared and not the path. A program
 * that was replaced by an upgrade while it ran is told by its mount namespace.
 */
function isOfHost(pid: number, exe: string): boolean {
  const own = readFile(`/proc/${pid}/exe`);
  if (own === undefined || own.uid !== 0 || (own.mode & 0o022) !== 0) return false;
  const hosts = readFile(`${hostRoot()}${exe}`);
  if (hosts !== undefined && hosts.ino === own.ino && hosts.dev === own.dev) return true;
  if (own.nlink > 0) return false;
  return readLink(`/proc/${pid}/ns/mnt`) === (readLink('/proc/1/ns/mnt') ?? readLink('/proc/self/ns/mnt'));
}

/** The first process's, since the agent may run in a container of its own; the agent's where it may not look there. */
function hostRoot(): string {
  return readLink('/proc/1/root') === undefined ? '' : '/proc/1/root';
}

/** The script that a root's Node runs. */
function scriptOf(pid: number, exe: string): string | undefined {
  if (!/^node(js)?$/.test(exe.slice(exe.lastIndexOf('/') + 1)) && exe !== process.execPath) return undefined;
  try {
    if (statSync(`/proc/${pid}`).uid !== 0) return undefined;
    const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').slice(0, MOST_ARGV_BYTES).split('\0');
    const script = argv.slice(1).find((word) => !word.startsWith('-'));
    return script === undefined ? undefined : resolve(readLink(`/proc/${pid}/cwd`) ?? '/', script);
  } catch {
    return undefined; // Gone.
  }
}

function readFile(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined; // Gone, or not there.
  }
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path, 'latin1');
  } catch {
    return undefined; // Gone; a thread of the kernel has no program.
  }
}
