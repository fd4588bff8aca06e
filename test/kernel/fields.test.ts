import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readableFields } from '../../agent/fields/bind.ts';
import { fieldCatalogue, fieldSpecs } from '../../rules/fields.ts';
import { type Agent, startAgent } from '../support/agent.ts';
import { eventually } from '../support/eventually.ts';
import { rows } from './fields-descriptors.ts';
import { type Facts, type Row, type Scene, scenes } from './fields-table.ts';
import { expectValue } from './fields-value.ts';
import { compile, makeFolder } from './recorder.ts';

/** Fields that cannot be had; each says why in the catalogue. */
const UNREAD = 11;

const folder = makeFolder();
const root = new URL('../..', import.meta.url).pathname;
const own = 'proc.name = lannerfields';

/** The field of a row without its argument. */
function specOf(text: string) {
  const plain = fieldSpecs.find(({ name }) => name === text);
  if (plain !== undefined) return plain;
  const [, name = text, argument] = /^(.*)\[(.*)\]$/.exec(text) ?? [];
  const found = fieldCatalogue.lookup(name, argument);
  if (!found.ok) throw new Error(found.explain());
  return found.use.spec;
}

const entries = Object.entries(rows);
const inScene = (scene: string) =>
  entries.filter(([, row]) => 'scene' in row && row.scene === scene && !('holds' in row)).map(([field]) => field);

/** One rule for each scene, and two for each field that has no value of its own. */
function rulesOf(port: number): string {
  const rule = (name: string, condition: string, fields: readonly string[]) =>
    `- rule: ${name}\n  desc: d\n  condition: ${own} and ${condition}\n  output: "clock=%evt.time ${fields.map((field) => `%${field}`).join(' ')}"\n  priority: INFO\n`;
  const always = ['proc.pid', 'evt.num', 'evt.rawtime', 'proc.vmsize', 'proc.vmrss', 'evt.args'];
  const texts = Object.entries(scenes).map(([scene, condition]) =>
    rule(scene, condition, [...always, ...inScene(scene)]),
  );
  for (const [field, row] of entries) {
    if (!('holds' in row)) continue;
    const known: Pick<Facts, 'port' | 'startedNs'> = { port, startedNs: Date.now() * 1e6 };
    texts.push(rule(`${field} holds`, `${scenes[row.scene]} and ${row.holds(known)}`, ['proc.pid']));
    texts.push(rule(`${field} fails`, `${scenes[row.scene]} and ${row.fails}`, ['proc.pid']));
  }
  texts.push(rule('names', `evt.type = connect and fd.sip.name = localhost`, ['proc.pid']));
  return texts.join('');
}

let agent: Agent;
let server: Server;
let facts: Facts;
let stop = () => {};

/** That a test expects a value of the field, and not only that it is missing. */
const asserts = (path: string, field: string): boolean => {
  const name = field.replace(/[.[\]]/g, '\\$&');
  return new RegExp(`'${name}(\\[[^\\]]*\\])?': *\\n? *(?!null|\\s)`).test(read(path));
};

const read = (path: string) => readFileSync(path, 'latin1');
const commOf = (pid: number): string | undefined => {
  try {
    return read(`/proc/${pid}/comm`).trim();
  } catch {
    return undefined;
  }
};
const passwd = (name: string) =>
  read('/etc/passwd')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([user]) => user === name) ?? [];
const stat = (pid: number) => {
  const text = read(`/proc/${pid}/stat`);
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
};
const capabilityNames = [
  'cap_chown',
  'cap_dac_override',
  'cap_dac_read_search',
  'cap_fowner',
  'cap_fsetid',
  'cap_kill',
];

/** Starts the program below a shell that leads a session, looks at it, and lets it do everything. */
async function act(program: string, port: number, startedNs: number): Promise<Facts> {
  const child = spawn(
    '/bin/bash',
    ['-c', `(exec -a 'first word' "$0" "$@" 2>/dev/null < <(cat) > >(cat)); :`, program, String(port), 'two words', ''],
    {
      cwd: folder.path,
      detached: true,
      env: { PATH: '/usr/bin:/bin', LANNER_MARK: 'marked', LANNER_FOLDER: folder.path },
    },
  );
  const lines: string[] = [];
  createInterface(child.stdout).on('line', (line) => lines.push(line));
  stop = () => child.stdin.end('e');
  const shell = child.pid ?? 0;
  const pid = await eventually('the program', () => {
    const below = read(`/proc/${shell}/task/${shell}/children`).trim().split(' ').map(Number)[0];
    // The shell's own helpers, which end at any time, are below it as well.
    const isIt = below !== undefined && below > 0 && commOf(below) === 'lannerfields';
    return isIt ? below : undefined;
  });
  const report = (name: string) => Number(lines.find((line) => line.startsWith(`${name} `))?.split(' ')[1]);
  // What the agent reads when a rule asks, it reads now.
  await agent.alert('its exec', ({ rule, output_fields: fields }) => rule === 'exec' && fields['proc.pid'] === pid);
  const status = read(`/proc/${pid}/status`);
  const descriptors = readdirSync(`/proc/${pid}/fd`).length;
  child.stdin.write('b');
  await eventually('what it did', () => lines.find((line) => line === 'done 1'), 10_000);
  await agent.alert(
    'its last call',
    ({ rule, output_fields: fields }) => rule === 'busy' && fields['proc.pid'] === pid,
  );
  const btimeNs = await bootNs();
  const found: Facts = {
    folder: folder.path,
    program,
    pid,
    shell,
    tester: process.pid,
    port,
    report,
    stat,
    status: (name) => new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(read(`/proc/${pid}/status`))?.[1] ?? '',
    beganNs: (of) => btimeNs + Number(stat(of)[19]) * 1e7,
    nameOf: (of) => read(`/proc/${of}/comm`).trimEnd(),
    linkOf: (of, what) => readlinkSync(`/proc/${of}/${what}`),
    argvOf: (of) => read(`/proc/${of}/cmdline`).replace(/\0$/, '').split('\0'),
    file: (what, path) => {
      const { ino, dev, ctimeNs, mtimeNs } = statSync(path, { bigint: true });
      return Number({ ino, dev, ctimeNs, mtimeNs }[what]);
    },
    cgroups: read(`/proc/${pid}/cgroup`)
      .trim()
      .split('\n')
      .map((line) => {
        const [, names = '', ...path] = line.split(':');
        return [names.replace(/^name=/, 'name='), path.join(':')] as const;
      }),
    descriptors,
    fdLimit: Number(/^Max open files\s+(\d+)/m.exec(read(`/proc/${pid}/limits`))?.[1]),
    startedNs,
    passwd,
    loginUid: Number(read(`/proc/${pid}/loginuid`)) | 0,
    capabilities: (name) => {
      const set = BigInt(`0x${new RegExp(`^${name}:\\s+(\\w+)`, 'm').exec(status)?.[1] ?? '0'}`);
      return capabilityNames.filter((_, bit) => ((set >> BigInt(bit)) & 1n) === 1n);
    },
    of: (scene, field) => (field === 'clock' ? clockOf(scene) : fieldOf(scene, field)),
  };
  return found;
}

/** The moment of boot on the wall clock; `btime` of /proc/stat has whole seconds only. */
async function bootNs(): Promise<number> {
  const uptime = Number(read('/proc/uptime').split(' ')[0]);
  return Date.now() * 1e6 - uptime * 1e9;
}

const alertOf = (scene: string) =>
  agent.alerts().find(({ rule, output_fields: fields }) => rule === scene && fields['proc.pid'] === facts.pid);
const fieldOf = (scene: string, field: string): unknown => alertOf(scene)?.output_fields[field];
const clockOf = (scene: string): string => /clock=(\S+)/.exec(alertOf(scene)?.output ?? '')?.[1] ?? '';

beforeAll(async () => {
  mkdirSync(join(folder.path, 'dev'));
  const program = compile('fields.c', folder.path).replace(/fields$/, 'lannerfields');
  await once(spawn('mv', [join(folder.path, 'fields'), program]), 'exit');
  server = createServer((socket) => socket.once('data', () => socket.write('answer'))).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const startedNs = Date.now() * 1e6;
  agent = await startAgent(rulesOf(port), ['--matching', 'all']);
  facts = await act(program, port, startedNs);
}, 60_000);

afterAll(async () => {
  stop();
  await agent?.close();
  server?.close();
  folder.remove();
});

describe('the table', () => {
  const shown = new Set(entries.map(([field]) => specOf(field).name));

  it('has a row for every field of the catalogue', () => {
    expect(fieldSpecs.map(({ name }) => name).filter((name) => !shown.has(name))).toEqual([]);
  });

  it('has no value only for what the agent does not read, and the catalogue says why', () => {
    const missing = entries.filter(([, row]) => 'missing' in row).map(([field]) => field);
    const unread = fieldSpecs.map(({ name }) => name).filter((name) => !readableFields.has(name));
    expect(missing.map((field) => specOf(field).name).toSorted()).toEqual(unread.toSorted());
    expect(unread).toHaveLength(UNREAD);
    expect(missing.filter((field) => !specOf(field).doc.includes('missing: '))).toEqual([]);
  });

  it('points only to tests on real events, which assert a value', () => {
    const elsewhere = entries.flatMap(([field, row]) => ('shownBy' in row ? [{ field, file: row.shownBy }] : []));
    expect(elsewhere.filter(({ file }) => !file.startsWith('test/kernel/'))).toEqual([]);
    const unasserted = elsewhere.filter(({ field, file }) => !asserts(root + file, field));
    expect(unasserted).toEqual([]);
  });

  it('has what the API server alone tells asserted beside a real one, too', () => {
    const ofServer = entries
      .map(([field]) => field)
      .filter((field) => /^k8s\.(?!pod)|_probe$/.test(field) && !field.startsWith('k8s.ns.name'));
    const path = `${root}test/kubernetes/kubernetes.test.ts`;
    expect(ofServer.filter((field) => !asserts(path, field.replace(/\[.*/, '')))).toEqual([]);
  });
});

describe('on a real event', () => {
  const shown = entries.flatMap(([field, row]) => ('scene' in row ? [{ field, row }] : []));
  it.for(shown)('$field', ({ field, row }) => {
    expectRow(field, row);
  });
});

function expectRow(field: string, row: Extract<Row, { scene: Scene }>): void {
  expect(alertOf(row.scene), `no alert of ${row.scene}: ${agent.said()}`).toBeDefined();
  if ('holds' in row) {
    expect(alertOf(`${field} holds`)).toBeDefined();
    expect(alertOf(`${field} fails`)).toBeUndefined();
    return;
  }
  const value = fieldOf(row.scene, field);
  if ('missing' in row) expect(value).toBeNull();
  else expectValue(value, row.value(facts));
}
