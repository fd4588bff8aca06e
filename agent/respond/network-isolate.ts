import { spawn } from 'node:child_process';
import { existsSync, readlinkSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { nodeActionParams } from '#playbooks/command';
import type { ActionPorts, ActionResult, NodeAction } from './action.ts';
import { type FoundContainer, findContainer, isMember, liveMembers } from './container-target.ts';
import { withParams } from './with-params.ts';

const TIMEOUT_MS = 5_000;
const MOST_SAID = 2_000;
/** Whatever else filters in there, this table is asked before it: before connections are tracked and addresses translated. */
const PRIORITY = -500;
const TABLE = 'lanner_isolation';

/**
 * `network.isolate`: drops all traffic of a container but that with the allowed networks, by nftables in its network
 * namespace; what was connected is cut as well, since every packet is dropped. The table is the state: it outlives the
 * agent and ends with the namespace. A table of the netdev family sees what raw sockets send, which the inet family
 * does not; so each device has a chain.
 */
export function makeNetworkIsolate(ports: ActionPorts): NodeAction {
  return withParams(nodeActionParams['network.isolate'], async ({ container, allow }, command, signal) => {
    const found = await findContainer(command, container, ports);
    if (!found.ok) return found.result;
    const spaces = namespacesOf(found);
    if (!spaces.ok) return spaces.result;
    const but = allow.length === 0 ? '' : ` but for ${allow.join(', ')}`;
    if (command.mode === 'dry-run') {
      return { outcome: 'skipped', detail: `would cut off the network of container ${found.short}${but}` };
    }
    return inEach(found, spaces.namespaces, signal, `container ${found.short} is cut off${but}`, async (run) => {
      const links = await run(['ip', '-o', 'link'], '');
      if (!links.ok) return links;
      return run(['nft', '-f', '-'], isolation(allow, deviceNames(links.said)));
    });
  });
}

/** `network.restore`: takes the table away, and with it everything that isolating did. */
export function makeNetworkRestore(ports: ActionPorts): NodeAction {
  return withParams(nodeActionParams['network.restore'], async ({ container }, command, signal) => {
    const found = await findContainer(command, container, ports);
    if (!found.ok) return found.result;
    const spaces = namespacesOf(found);
    if (!spaces.ok) return spaces.result;
    if (command.mode === 'dry-run') {
      return { outcome: 'skipped', detail: `would restore the network of container ${found.short}` };
    }
    return inEach(found, spaces.namespaces, signal, `container ${found.short} has its network`, (run) =>
      run(['nft', '-f', '-'], removal),
    );
  });
}

const families = ['inet', 'netdev'] as const;

/** `add` first, so that deleting a table that is not there is no error. */
const removal = families.map((family) => `add table ${family} ${TABLE}\ndelete table ${family} ${TABLE}\n`).join('');

/** One transaction: old table away, new one there, never a moment without. Parameters were checked to be addresses. */
export function isolation(allow: readonly string[], devices: readonly string[]): string {
  const v6 = allow.filter((each) => isIPv6(each.replace(/\/\d+$/, '')));
  const v4 = allow.filter((each) => !v6.includes(each));
  // A rule each: a set takes no networks that overlap.
  const accept = (side: 'saddr' | 'daddr') => [
    ...v4.map((each) => `ip ${side} ${each} accept`),
    ...v6.map((each) => `ip6 ${side} ${each} accept`),
  ];
  const chain = (name: string, head: string, rules: readonly string[]) =>
    [`  chain ${name} {`, `    type filter hook ${head} priority ${PRIORITY}; policy drop;`]
      .concat(
        rules.map((rule) => `    ${rule}`),
        '  }',
      )
      .join('\n');
  // Who may be talked to must be found first: ARP, and neighbour discovery instead of it in IPv6.
  const find = [
    ...(v4.length === 0 ? [] : ['ether type arp accept']),
    ...(v6.length === 0 ? [] : ['icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept']),
  ];
  const neighbours = find.filter((rule) => rule.startsWith('icmpv6'));
  const inet = [
    chain('input', 'input', ['iifname "lo" accept', ...neighbours, ...accept('saddr')]),
    chain('output', 'output', ['oifname "lo" accept', ...neighbours, ...accept('daddr')]),
    chain('forward', 'forward', []),
  ];
  const netdev = devices.flatMap((device, index) => [
    chain(`in${index}`, `ingress device "${device}"`, [...find, ...accept('saddr')]),
    chain(`out${index}`, `egress device "${device}"`, [...find, ...accept('daddr')]),
  ]);
  return `${removal}table inet ${TABLE} {\n${inet.join('\n')}\n}\ntable netdev ${TABLE} {\n${netdev.join('\n')}\n}\n`;
}

/** `2: eth0@if5: <BROADCAST,…`. A name that nft would not read as one word in quotes is left to the inet family. */
export function deviceNames(links: string): readonly string[] {
  return links
    .split('\n')
    .map((line) => /^\d+: ([^:@\s]+)[:@]/.exec(line)?.[1] ?? '')
    .filter((name) => name !== '' && name !== 'lo' && !name.includes('"'));
}

type Namespaces =
  | { readonly ok: true; readonly namespaces: ReadonlyMap<string, readonly number[]> }
  | { readonly ok: false; readonly result: ActionResult };

/** The network namespaces of all its processes, with those in each: a process may have made one of its own. */
function namespacesOf({ target, short }: FoundContainer): Namespaces {
  const refuse = (detail: string): Namespaces => ({ ok: false, result: { outcome: 'refused', detail } });
  const hosts = new Set(['/proc/1/ns/net', '/proc/self/ns/net'].map(linkOf).filter((link) => link !== undefined));
  const namespaces = new Map<string, number[]>();
  for (const pid of liveMembers(target)) {
    const link = linkOf(`/proc/${pid}/ns/net`);
    if (link === undefined) continue; // Ended.
    if (hosts.has(link)) {
      return refuse(`container ${short} is on the host's own network, which would be cut off with it`);
    }
    namespaces.set(link, [...(namespaces.get(link) ?? []), pid]);
  }
  if (namespaces.size === 0) {
    return { ok: false, result: { outcome: 'gone', detail: `container ${short} has no process left` } };
  }
  return { ok: true, namespaces };
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined; // Ended, or not allowed.
  }
}

type Said = { readonly ok: true; readonly said: string } | { readonly ok: false; readonly reason: string };
type Run = (program: readonly [string, ...string[]], input: string) => Promise<Said>;

async function inEach(
  { target, short }: FoundContainer,
  namespaces: ReadonlyMap<string, readonly number[]>,
  signal: AbortSignal,
  done: string,
  act: (run: Run) => Promise<Said>,
): Promise<ActionResult> {
  for (const [link, pids] of namespaces) {
    let reason: string | undefined;
    // The first process of a container is its most lasting one; others come and go.
    for (const pid of pids) {
      const said = await act((program, input) => runInside(pid, link, program, input, signal));
      reason = said.ok ? undefined : said.reason;
      if (said.ok || (linkOf(`/proc/${pid}/ns/net`) === link && isMember(pid, target))) break;
    }
    // Without a process in it, the namespace is gone as well.
    const isThere = liveMembers(target).some((pid) => linkOf(`/proc/${pid}/ns/net`) === link);
    if (reason !== undefined && isThere) {
      return { outcome: 'failed', retry: true, detail: `the network of container ${short}: ${reason}` };
    }
  }
  return { outcome: 'done', detail: done };
}

/** Runs one of the host's programs in the network namespace of a process. */
function runInside(
  pid: number,
  link: string,
  [program, ...args]: readonly [string, ...string[]],
  input: string,
  signal: AbortSignal,
): Promise<Said> {
  const path = findProgram(program);
  if (path === undefined)
    return Promise.resolve({ ok: false, reason: `${program} is not installed (nftables, iproute2)` });
  // The number may have come to mean another process: its namespace is compared once more before anything is entered.
  if (linkOf(`/proc/${pid}/ns/net`) !== link) return Promise.resolve({ ok: false, reason: 'its process has ended' });
  return new Promise((resolve) => {
    const child = spawn('nsenter', ['-t', String(pid), '-n', '--', path, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: TIMEOUT_MS,
      signal,
    });
    let said = '';
    const hear = (chunk: Buffer) => {
      said = `${said}${chunk.toString()}`.slice(0, MOST_SAID);
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.on('error', (error) => resolve({ ok: false, reason: error.message }));
    child.on('close', (code) =>
      resolve(
        code === 0 ? { ok: true, said } : { ok: false, reason: `${program}: ${said.trim() || `exit code ${code}`}` },
      ),
    );
    // One that ends before it has read is told by its exit code.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

const folders = ['/usr/sbin', '/sbin', '/usr/bin', '/bin'] as const;

/** Services often lack the folders of system programs in their PATH. */
function findProgram(name: string): string | undefined {
  return folders.map((folder) => `${folder}/${name}`).find((path) => existsSync(path));
}
