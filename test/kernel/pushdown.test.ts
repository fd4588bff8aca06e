import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mountOf, readCgroupMounts } from '../../agent/respond/cgroup.ts';
import { fieldCatalogue } from '../../rules/fields.ts';
import { loadRules } from '../../rules/language/load.ts';
import type { Rule } from '../../rules/language/rule-set.ts';
import { hasData, publishedFiles, readPublished } from '../conformance/data.ts';
import { eventually } from '../support/eventually.ts';
import { compile, makeFolder } from './recorder.ts';
import { openWatched } from './watched.ts';

const folder = makeFolder();
let storm = '';
let socketStorm = '';
/** A cgroup that looks like a container's; every hierarchy that tells containers apart has it. */
const id = 'ab12'.repeat(16);
const cgroups: string[] = [];

beforeAll(() => {
  storm = compile('paths.c', folder.path);
  socketStorm = compile('sockets.c', folder.path);
  const mounts = readCgroupMounts();
  for (const hierarchy of ['memory', 'pids', '']) {
    const mount = mountOf(mounts, hierarchy);
    if (mount === undefined || cgroups.some((made) => made.startsWith(`${mount}/`))) continue;
    const parent = join(mount, 'lanner-pushdown');
    mkdirSync(join(parent, id), { recursive: true });
    cgroups.push(join(parent, id));
  }
});
afterAll(async () => {
  for (const made of cgroups) {
    await eventually('an empty cgroup', () => {
      try {
        rmdirSync(made);
        return true;
      } catch {
        return undefined;
      }
    });
    rmdirSync(join(made, '..'));
  }
  // Node's own cannot remove what lies deeper than PATH_MAX.
  spawnSync('rm', ['-rf', folder.path]);
});

const output =
  '%evt.type %evt.res %fd.num %fd.name %fd.nameraw %fs.path.name %proc.name %proc.pname session=%proc.sid %thread.tid %user.uid %container.id %evt.arg.flags %fd.type %fd.sport';

/** Rules for what the storm does, each true of some events only. */
function ownRules(at: string): readonly string[] {
  const opens = 'evt.type in (open, openat, openat2, creat)';
  return [
    `${opens} and fd.name startswith ${at}/etc/`,
    `${opens} and evt.is_open_write = true and fd.directory = ${at}/a`,
    `${opens} and fd.filename in (shadow, x.log) and not proc.name in (tar, bash)`,
    `${opens} and fd.name endswith .log and container.id != host`,
    `${opens} and fd.name contains /.ssh/ and user.uid != 0`,
    `${opens} and fd.name glob "${at}/home/*ink*" and evt.failed = true`,
    `${opens} and fd.nameraw contains ../ and fd.name startswith ${at}`,
    `${opens} and evt.arg.flags contains O_TRUNC and fd.directory pmatch (${at}/merged, ${at}/etc)`,
    `${opens} and fd.typechar = d and fd.name startswith ${at}/`,
    `${opens} and proc.name = tar and container.id != host and not fd.name startswith ${at}/etc`,
    `${opens} and fd.name = /proc/self/exe`,
    `${opens} and fd.name startswith /proc/self/fd/ and evt.is_open_read = true`,
    `${opens} and fd.name in (/etc/passwd, "/etc/shadow", /home, /a)`,
    `${opens} and (fd.name startswith memfd or fd.filename endswith "é")`,
    `${opens} and evt.is_open_exec = true and container.id != host`,
    `${opens} and fd.num = -1 and evt.res = EFAULT`,
    `${opens} and fs.path.name startswith ${at}/merged and evt.arg.name endswith shadow`,
    'evt.type in (connect, bind) and fd.typechar in (4, 6) and evt.rawres >= 0',
    'evt.type = connect and fd.l4proto = tcp and not fd.sport = 80',
    'evt.type = connect and fd.sockfamily = unix and proc.name = stormy',
    'evt.type = socket and container.id != host',
  ];
}

/** Rules for calls on sockets, each true of some only; those of the published files are among them. */
const socketRules: readonly string[] = [
  'evt.type = connect and fd.typechar in (4, 6) and evt.rawres >= 0 and fd.net != "127.0.0.0/8"',
  'evt.type = connect and fd.l4proto = tcp and fd.sport in (80, 8080) and not fd.snet in ("10.0.0.0/8", "192.168.0.0/16")',
  'evt.type = connect and fd.sip = 169.254.169.254 and container.id != host',
  'evt.type in (connect, bind) and fd.l4proto = udp and not fd.port in (53, 80)',
  'evt.type = bind and fd.sport < 81 and fd.sip != 0.0.0.0',
  'evt.type in (accept, accept4) and fd.snet = "127.0.0.0/8" and proc.name in (tar, sort)',
  'evt.type = listen and fd.sport = 443',
  'evt.type in (sendto, sendmsg) and fd.l4proto != tcp and fd.name_changed = true and fd.sip != 127.0.0.1',
  'evt.type in (recvfrom, recvmsg) and fd.name_changed = true',
  'evt.type = sendmsg and fd.sport = 80 and evt.failed = true and fd.l4proto = tcp',
  'evt.type = sendto and fd.sockfamily = unix and proc.name = stormy',
  'evt.type in (connect, accept) and fd.cip = 10.1.2.3 and fd.rport > 100',
  'evt.type = connect and evt.res = EINPROGRESS and fd.ip = 8.8.8.8',
  'evt.type = connect and proc.exe endswith ssh and fd.typechar = 4 and evt.rawres >= 0',
  'evt.type = shutdown and not proc.exe endswith ssh and proc.exepath contains lanner',
];

/** The published files lie beside a developer's checkout. */
const files = () =>
  hasData
    ? publishedFiles.map(readPublished)
    : ['base', 'files', 'containers', 'persistence'].map((name) => ({
        path: name,
        text: readFileSync(new URL(`../../rules/${name}.yaml`, import.meta.url), 'utf8'),
      }));

function load(conditions: readonly string[], withPublished: boolean): readonly Rule[] {
  const text = conditions
    .map(
      (condition, index) =>
        `- rule: own ${index}\n  desc: d\n  condition: ${JSON.stringify(condition)}\n  output: ${JSON.stringify(output)}\n  priority: INFO\n`,
    )
    .join('');
  const published = withPublished ? files() : [];
  const outcome = loadRules([...published, { path: 'own.yaml', text }], { fields: fieldCatalogue });
  expect(outcome.errors.map(({ message }) => message)).toEqual([]);
  return outcome.ruleSet.rules.filter((rule) => rule.enabled).map((rule) => rule);
}

/** Runs it to its end, in the container's cgroup if asked; its session. */
async function run(program: string, args: readonly string[], place: 'host' | 'container'): Promise<number> {
  const moves = place === 'host' ? [] : cgroups.map((made) => `echo $$ > ${made}/cgroup.procs`);
  const line = [...moves, 'exec "$0" "$@"'].join(' && ');
  const child = spawn('/bin/sh', ['-c', line, program, ...args], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const [code] = await once(child, 'close');
  expect([code, said]).toEqual([0, '']);
  return child.pid ?? 0;
}

/** What is said of one session; the events of others are none of ours. */
const ofSession = (alerts: readonly string[], session: number) =>
  alerts.filter((alert) => alert.startsWith('own ') && alert.includes(` session=${session} `)).toSorted();

describe('the filter in the kernel', () => {
  it.for([
    { seed: 1, place: 'host', published: true },
    { seed: 2, place: 'container', published: false },
    { seed: 3, place: 'container', published: true },
    { seed: 4, place: 'host', published: false },
  ] as const)('changes no alert: storm $seed, $place', { timeout: 120_000 }, async ({ seed, place, published }) => {
    const at = join(folder.path, `storm-${seed}`);
    mkdirSync(at);
    // Those without rights walk through, and write.
    for (const each of [folder.path, at]) chmodSync(each, 0o777);
    // Of all of them together the filter gives up so much that it would drop little.
    const own = ownRules(at).filter((_, index) => !published || index % 3 === 0);
    const ruleSet = { rules: load(own, published) };
    const off = openWatched(ruleSet, 'off');
    const on = openWatched(ruleSet, 'on');
    // Then it is known what its group is.
    await run('/bin/true', [], place);
    for (const each of [off, on]) each.capture.drain();
    const session = await run(storm, [at, String(seed), '6000'], place);
    const [offCounters, onCounters] = [off.close(), on.close()];
    for (const { dropped } of [offCounters, onCounters]) {
      expect(dropped).toEqual({ lifecycleFull: 0, bulkFull: 0, noScratch: 0, recursion: 0 });
    }
    const expected = ofSession(off.alerts, session);
    expect(ofSession(on.alerts, session)).toEqual(expected);
    const fired = new Set(expected.map((alert) => alert.split(':')[0]));
    expect(fired.size).toBeGreaterThan(own.length / 2);
    const [all = 0, sent = 0] = [off.opens.get(session), on.opens.get(session)];
    expect(all).toBeGreaterThan(3_000);
    // Most of what the storm opens is what these rules are about; without drops the comparison would tell nothing.
    expect(all - sent).toBeGreaterThan(200);
  });
});

describe('the filter in the kernel, of calls on sockets', () => {
  it.for([
    { seed: 1, place: 'host' },
    { seed: 2, place: 'container' },
  ] as const)('changes no alert: storm $seed, $place', { timeout: 60_000 }, async ({ seed, place }) => {
    const ruleSet = { rules: load(socketRules, false) };
    const off = openWatched(ruleSet, 'off');
    const on = openWatched(ruleSet, 'on');
    await run('/bin/true', [], place);
    for (const each of [off, on]) each.capture.drain();
    const session = await run(socketStorm, [folder.path, String(seed), '4000'], place);
    const [offCounters, onCounters] = [off.close(), on.close()];
    for (const { dropped } of [offCounters, onCounters]) {
      expect(dropped).toEqual({ lifecycleFull: 0, bulkFull: 0, noScratch: 0, recursion: 0 });
    }
    // Only what the program was started as says that they are not wanted. How many depends on how soon that is asked.
    expect(onCounters.filtered['shutdown']?.dropped).toBeGreaterThan(0);
    const expected = ofSession(off.alerts, session);
    expect(ofSession(on.alerts, session)).toEqual(expected);
    const fired = new Set(expected.map((alert) => alert.split(':')[0]));
    expect(fired.size).toBeGreaterThan(socketRules.length - 3);
    const [all = 0, sent = 0] = [off.sockets.get(session), on.sockets.get(session)];
    expect(all).toBeGreaterThan(8_000);
    expect(sent / all).toBeLessThan(0.7);
  });
});

describe('the paths of folders that the kernel side keeps in mind', () => {
  it('are those of now, after a rename and under another mount', {
    timeout: 60_000,
  }, async () => {
    const at = join(folder.path, 'memo');
    const opens = 'evt.type in (open, openat)';
    const rules = load(
      [`${opens} and fd.name startswith ${at}/guarded/`, `${opens} and fd.name endswith /none`],
      false,
    );
    const on = openWatched({ rules }, 'on');
    // Names of 40 bytes and more are copied in another way, and paths of 120 and more are not kept.
    const long = 'long'.repeat(20);
    const line = [
      `at=${at} && mkdir -p $at/plain/${long}/${long} $at/other && cd $at`,
      `touch plain/file plain/${long}/file plain/${long}/${long}/file`,
      `look() { for i in 1 2 3; do for name in file ${long}/file ${long}/${long}/file; do : < $1/$name; done; done; }`,
      'look plain && mv plain guarded && look guarded && mv guarded plain && look $at/plain',
      'mv plain/file plain/file2 && : < plain/file2 && mkdir guarded && mount --bind plain guarded && : < guarded/file2',
      'umount guarded && mv plain/file2 plain/file && : < plain/file && : < other/../plain/file',
      // A name that is shorter than the one before, in a folder of more than 64 bytes.
      `cd plain/${long} && ! cat longer-than-none 2> /dev/null && ! cat none 2> /dev/null`,
    ].join(' && ');
    const session = await run('/usr/bin/unshare', ['-m', '/bin/sh', '-c', line], 'host');
    on.close();
    const seen = ofSession(on.alerts, session).map((alert) => alert.split(' ')[5]?.slice(at.length));
    const nine = ['file', `${long}/file`, `${long}/${long}/file`].flatMap((name) => Array(3).fill(`/guarded/${name}`));
    expect(seen.toSorted()).toEqual([...nine, '/guarded/file2', `/plain/${long}/none`].toSorted());
    expect(on.opens.get(session) ?? 0).toBeLessThan(60);
  });
});

describe('with the published rules, or the built-in ones', () => {
  it('takes an exec for told: no first open of a program is sent for that', { timeout: 60_000 }, async () => {
    const rules = load([], true);
    const off = openWatched({ rules }, 'off');
    const on = openWatched({ rules }, 'on');
    const session = await run('/bin/sh', ['-c', 'for each in $(seq 100); do /bin/true; done'], 'host');
    off.close();
    on.close();
    expect(off.opens.get(session)).toBeGreaterThan(200);
    expect(on.opens.get(session) ?? 0).toBeLessThan(20);
  });

  it('drops 99 % of what tar and find open', { timeout: 120_000 }, async () => {
    const rules = load([], true);
    const off = openWatched({ rules }, 'off');
    const on = openWatched({ rules }, 'on');
    const line =
      'tar cf - /usr/include /usr/share/doc 2> /dev/null | cat > /dev/null; find /usr/share -type f > /dev/null';
    const session = await run('/bin/sh', ['-c', line], 'host');
    const { dropped } = off.close();
    on.close();
    expect(dropped.bulkFull).toBe(0);
    const [all = 0, sent = 0] = [off.opens.get(session), on.opens.get(session)];
    expect(all).toBeGreaterThan(3_000);
    expect(sent / all).toBeLessThan(0.01);
    expect(on.capture.filtered()['openat']?.dropped).toBeGreaterThan(3_000);
  });
});
