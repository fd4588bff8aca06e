import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  type Stats,
  statSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { type NodeCommand, nodeActionParams } from '#playbooks/command';
import type { ActionPorts, ActionResult, NodeAction } from './action.ts';
import { findContainer } from './container-target.ts';
import { refuseProcesses } from './guard.ts';
import { listPids } from './process.ts';
import { readFacts } from './process-facts.ts';
import { withParams } from './with-params.ts';

const MOST_BYTES = 1024 ** 3;
const CHUNK_BYTES = 1024 * 1024;
const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_DIRECTORY } = constants;
/** open(2): only a place to start from. Node has no name for it. */
const O_PATH = 0o10000000;

/**
 * `file.quarantine`: copies a file into DATA/quarantine with mode 0, records what it was, and removes it where it lay.
 * Who dropped it may have made every part of the path: no link in it is followed.
 */
export function makeFileQuarantine(ports: ActionPorts): NodeAction {
  return withParams(nodeActionParams['file.quarantine'], async ({ path, container }, command) => {
    const root = await rootOf(container, command, ports);
    if (!root.ok) return root.result;
    const opened = openBelow(root.path, path);
    if (!opened.ok) return opened.result;
    const { folder, file, name } = opened;
    try {
      const stat = fstatSync(file);
      const refusal = refuseFile(stat, ports);
      if (refusal !== undefined) return { outcome: 'refused', detail: `${path}: ${refusal}` };
      if (command.mode === 'dry-run') {
        return { outcome: 'skipped', detail: `would move ${path} (${stat.size} bytes) to quarantine` };
      }
      const kept = keep(file, stat, { path, container, command }, ports.dataFolder);
      // Somebody may have put another file there meanwhile: that one was not looked at.
      const there = statSync(`/proc/self/fd/${folder}/${name}`, { throwIfNoEntry: false });
      if (there?.ino === stat.ino && there.dev === stat.dev) unlinkSync(`/proc/self/fd/${folder}/${name}`);
      return { outcome: 'done', detail: `${path} is in quarantine: ${kept.folder}, sha256 ${kept.sha256}` };
    } finally {
      closeSync(file);
      closeSync(folder);
    }
  });
}

type Root = { readonly ok: true; readonly path: string } | { readonly ok: false; readonly result: ActionResult };

/** Where the container's files begin, as one of its processes has it. */
async function rootOf(container: string, command: NodeCommand, ports: ActionPorts): Promise<Root> {
  if (container === 'host') return { ok: true, path: '/' };
  const found = await findContainer(command, container, ports);
  return found.ok ? { ok: true, path: `/proc/${found.pids[0]}/root` } : found;
}

type Opened =
  | { readonly ok: true; readonly folder: number; readonly file: number; readonly name: string }
  | { readonly ok: false; readonly result: ActionResult };

function openBelow(root: string, path: string): Opened {
  const parts = path.split('/').filter((part) => part !== '');
  const name = parts.pop() ?? '';
  const fail = (outcome: 'refused' | 'gone', detail: string): Opened => ({ ok: false, result: { outcome, detail } });
  if (name === '' || [...parts, name].some((part) => part === '.' || part === '..' || part.includes('\0'))) {
    return fail('refused', `${JSON.stringify(path)} is no path of a file`);
  }
  let folder = openSync(root, O_PATH | O_DIRECTORY);
  try {
    for (const part of parts) {
      const next = openSync(`/proc/self/fd/${folder}/${part}`, O_PATH | O_DIRECTORY | O_NOFOLLOW);
      closeSync(folder);
      folder = next;
    }
    const file = openSync(`/proc/self/fd/${folder}/${name}`, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    return { ok: true, folder, file, name };
  } catch (error) {
    closeSync(folder);
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') return fail('gone', `${path} is not there`);
    if (code === 'ELOOP' || code === 'ENOTDIR') return fail('refused', `${path} leads through a link`);
    return fail('refused', `${path} cannot be opened: ${String(error)}`);
  }
}

/** What is no plain file, and the programs of processes that are left alone: without their file they could not start again. */
function refuseFile(stat: Stats, { self, protection }: ActionPorts): string | undefined {
  if (!stat.isFile()) return 'it is not a regular file';
  if (stat.size > MOST_BYTES) return `it has more than ${MOST_BYTES} bytes`;
  for (const pid of listPids()) {
    const program = programOf(pid);
    if (program?.ino !== stat.ino || program.dev !== stat.dev) continue;
    const facts = readFacts(pid);
    const refusal = facts && refuseProcesses([facts], self, protection);
    if (refusal !== undefined) return `it is the program of a process that is left alone: ${refusal}`;
  }
  return undefined;
}

function programOf(pid: number): Stats | undefined {
  try {
    return statSync(`/proc/${pid}/exe`);
  } catch {
    return undefined; // It has ended, runs no program, or may not be looked at.
  }
}

type Found = { readonly path: string; readonly container: string; readonly command: NodeCommand };

function keep(file: number, stat: Stats, { path, container, command }: Found, dataFolder: string) {
  const at = new Date();
  const folder = join(dataFolder, 'quarantine', `${at.toISOString().replaceAll(':', '')}-${stat.ino}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  try {
    const sha256 = copy(file, join(folder, 'file'));
    const { size, uid, gid } = stat;
    const mode = (stat.mode & 0o7777).toString(8).padStart(4, '0');
    const record = { path, container, sha256, size, mode, uid, gid, mtime: stat.mtime, at, alert: command.alert };
    writeFileSync(join(folder, 'record.json'), `${JSON.stringify(record, undefined, 2)}\n`, {
      mode: 0o600,
      flush: true,
    });
    return { folder, sha256 };
  } catch (error) {
    // The original still lies where it lay.
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

/** The hash of what was copied, which is what is kept. */
function copy(from: number, to: string): string {
  const hash = createHash('sha256');
  const target = openSync(to, 'wx', 0o600);
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  try {
    for (let total = 0; total <= MOST_BYTES; ) {
      const bytes = readSync(from, chunk, 0, chunk.length, total);
      if (bytes === 0) break;
      total += bytes;
      hash.update(chunk.subarray(0, bytes));
      writeSync(target, chunk, 0, bytes);
    }
    fsyncSync(target);
  } finally {
    closeSync(target);
  }
  chmodSync(to, 0);
  return hash.digest('hex');
}
