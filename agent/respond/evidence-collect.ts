import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import { type NodeCommand, nodeActionParams } from '#playbooks/command';
import type { ContainerDetails } from '../state/containers/container.ts';
import type { ActionPorts, ActionResult, NodeAction } from './action.ts';
import { Archive } from './archive.ts';
import { findContainer } from './container-target.ts';
import { eventLine, makeIsAbout } from './evidence-events.ts';
import { readStat } from './process.ts';
import { findProcess, inScope } from './process-target.ts';
import { redactArguments, redactEnvironment } from './redact.ts';
import { withParams } from './with-params.ts';

const MIB = 1024 * 1024;
const MOST_PROCESSES = 256;
const MOST_ANCESTORS = 64;
const MOST_DESCRIPTORS = 4_096;
const MOST_TEXT_BYTES = 4 * MIB;
const MOST_PROGRAM_BYTES = 512 * MIB;

/**
 * `evidence.collect`: what the kernel tells of the processes and the engine of the container, as tar.zst in
 * DATA/evidence, and sent to the router. Nothing is stopped for it: to look at what stands still, stop or pause first.
 */
export function makeEvidenceCollect(ports: ActionPorts): NodeAction {
  return withParams(nodeActionParams['evidence.collect'], async ({ container, most_mb: mostMb }, command) => {
    const found = await findSubject(container, command, ports);
    if (!found.ok) return found.result;
    const { pids, details } = found;
    if (command.mode === 'dry-run') {
      return { outcome: 'skipped', detail: `would collect evidence of ${pids.length} processes` };
    }
    const archive = new Archive(mostMb * MIB);
    const programs = new Map<string, string | undefined>();
    const networks = new Set<string>();
    for (const pid of pids.slice(0, MOST_PROCESSES)) addProcess(archive, pid, programs, networks);
    archive.add('events.jsonl', eventsOf(container, pids, ports));
    if (details !== undefined) archive.add('container.json', toJson(redacted(details)));
    const at = new Date();
    const { alert } = command;
    const bytes = await archive.finish({
      at,
      alert,
      container,
      processes: pids.length,
      processes_left_out: Math.max(0, pids.length - MOST_PROCESSES),
    });
    const about = { node: ports.node, alert: alert.id, rule: alert.rule, container, collected_ms: at.getTime() };
    const { path, evidence } = ports.evidence.put(bytes, about);
    const where = await ports.sendEvidence(evidence.id);
    return { outcome: 'done', detail: `${path} (${evidence.bytes} bytes, sha256 ${evidence.sha256}); ${where}` };
  });
}

/** What led here, as far as it is remembered. */
function eventsOf(container: string, pids: readonly number[], { history }: ActionPorts): string {
  return history(makeIsAbout(pids, container))
    .map((event) => `${eventLine(event)}\n`)
    .join('');
}

type Subject =
  | { readonly ok: true; readonly pids: readonly number[]; readonly details: ContainerDetails | undefined }
  | { readonly ok: false; readonly result: ActionResult };

async function findSubject(container: string, command: NodeCommand, ports: ActionPorts): Promise<Subject> {
  if (container !== 'host') {
    // Looking harms nobody: what the guard rails protect may be looked at.
    const looking = { ...ports, protection: { containers: [], processes: [], pods: [] } };
    const found = await findContainer(command, container, looking);
    return found.ok ? { ...found, details: await ports.describe(found.target.named) } : found;
  }
  const found = findProcess(command, ports);
  if (!found.ok) return found;
  const tree = inScope(found.identity, 'tree', ports.descendants).map(({ pid }) => pid);
  const ancestors: number[] = [];
  for (let at = readStat(found.identity.pid)?.ppid ?? 0; at > 0 && ancestors.length < MOST_ANCESTORS; ) {
    ancestors.push(at);
    at = readStat(at)?.ppid ?? 0;
  }
  return { ok: true, pids: [...tree, ...ancestors], details: undefined };
}

function addProcess(
  archive: Archive,
  pid: number,
  programs: Map<string, string | undefined>,
  networks: Set<string>,
): void {
  const folder = `/proc/${pid}`;
  const stat = readStat(pid);
  if (stat === undefined) return; // It has ended.
  const words = (file: string) => (read(`${folder}/${file}`) ?? '').split('\0').slice(0, -1);
  const network = link(`${folder}/ns/net`);
  const about = {
    pid,
    ppid: stat.ppid,
    name: stat.name,
    start_ticks: String(stat.startTicks),
    argv: redactArguments(words('cmdline')),
    environment: redactEnvironment(words('environ')),
    exe: link(`${folder}/exe`),
    exe_sha256: hashOf(`${folder}/exe`, programs),
    cwd: link(`${folder}/cwd`),
    root: link(`${folder}/root`),
    network,
    descriptors: descriptorsOf(`${folder}/fd`),
    status: read(`${folder}/status`),
    cgroup: read(`${folder}/cgroup`),
  };
  archive.add(`processes/${pid}.json`, toJson(about));
  archive.add(`processes/${pid}.maps`, read(`${folder}/maps`) ?? '');
  if (network === undefined || networks.has(network)) return;
  networks.add(network);
  const number = /\d+/.exec(network)?.[0] ?? 'unknown';
  for (const table of ['tcp', 'tcp6', 'udp', 'udp6', 'unix', 'raw', 'packet']) {
    const text = read(`${folder}/net/${table}`);
    if (text !== undefined) archive.add(`networks/${number}/${table}`, text);
  }
}

/** The engine tells arguments and variables, too. */
function redacted({ command, environment, ...details }: ContainerDetails): unknown {
  return {
    ...details,
    command: command && redactArguments(command),
    environment: redactEnvironment([...environment].map(([name, value]) => `${name}=${value}`)),
  };
}

function descriptorsOf(folder: string): Readonly<Record<string, string | undefined>> {
  try {
    const names = readdirSync(folder).slice(0, MOST_DESCRIPTORS);
    return Object.fromEntries(names.map((name) => [name, link(`${folder}/${name}`)]));
  } catch {
    return {}; // It has ended.
  }
}

/** Of each file once, however many processes run it. */
function hashOf(path: string, known: Map<string, string | undefined>): string | undefined {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return undefined; // It has ended, or has no program.
  }
  try {
    const { dev, ino, size } = fstatSync(file);
    const key = `${dev}/${ino}`;
    if (known.has(key) || size > MOST_PROGRAM_BYTES) return known.get(key);
    const hash = createHash('sha256');
    const chunk = Buffer.allocUnsafe(MIB);
    for (let bytes = readSync(file, chunk); bytes > 0; bytes = readSync(file, chunk))
      hash.update(chunk.subarray(0, bytes));
    const sha256 = hash.digest('hex');
    known.set(key, sha256);
    return sha256;
  } finally {
    closeSync(file);
  }
}

/** Files of /proc tell no size; each is read to its end or to the bound. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').slice(0, MOST_TEXT_BYTES);
  } catch {
    return undefined; // It has ended, or the kernel has no such table.
  }
}

function link(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined; // As above.
  }
}

const toJson = (value: unknown): string =>
  `${JSON.stringify(value, (_, each: unknown) => (each instanceof Map ? Object.fromEntries(each) : each), 2)}\n`;
