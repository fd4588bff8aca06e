import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { numberOfCall } from '../../agent/events/calls.ts';
import { read } from '../../agent/fields/sample.ts';
import type { Scene } from '../../agent/fields/scene.ts';
import { compileFilter } from '../../agent/pushdown/compile.ts';
import { encodeFilter } from '../../agent/pushdown/encode.ts';
import { guardsOf, type Judges, makeJudges } from '../../agent/pushdown/judges.ts';
import { FilterModel, type ModelCall } from '../../agent/pushdown/model.ts';
import { fieldCatalogue, fieldSpecs } from '../../rules/fields.ts';
import { loadRules } from '../../rules/language/load.ts';
import type { Rule } from '../../rules/language/rule-set.ts';
import { hasData, mustRun, publishedFiles, readPublished, whyMissing } from './data.ts';
import { evaluate } from './reference.ts';
import { comm, exe, type Seen, seen, types } from './seen-calls.ts';

const typeOf = new Map(fieldSpecs.map((spec) => [spec.name, spec.type]));

const quoted = (text: string): string => JSON.stringify(text);
const text = fc.oneof(
  fc
    .array(fc.constantFrom('etc', 'a', 'ab', '.ssh', 'home', 'é', 'x.log', 'proc'), { maxLength: 3 })
    .map((parts) => `/${parts.join('/')}`),
  fc.string({ unit: fc.constantFrom('a', 'b', '/', '.', 'e', 't', 'c', 'é'), maxLength: 4 }),
  fc.constantFrom('/etc/', '/etc', '../', '/.ssh/', 'memfd:a', '/proc/self/exe', '/proc/self/fd/'),
);
const glob = fc.oneof(
  fc.constantFrom('/home/*/.ssh/*', '*../*', '/proc/*/environ', '*', '/etc*', '*log', '/?tc/*'),
  fc.string({ unit: fc.constantFrom('a', '*', '?', '/', 'e', '.'), maxLength: 6 }),
);
const listOf = (of: fc.Arbitrary<string>) =>
  fc.array(of.map(quoted), { minLength: 1, maxLength: 5 }).map((items) => `(${items.join(', ')})`);
const pathField = fc.constantFrom(
  'fd.name',
  'fd.name',
  'fd.directory',
  'fd.filename',
  'fs.path.name',
  'evt.arg.name',
  'fd.nameraw',
  'evt.abspath',
);
const words = (...parts: fc.Arbitrary<string>[]) => fc.tuple(...parts).map((all) => all.join(' '));
const equality = fc.constantFrom('=', '!=');
const test = fc.oneof(
  words(pathField, fc.constantFrom('=', '!=', 'startswith', 'endswith', 'contains'), text.map(quoted)),
  words(
    pathField,
    fc.constantFrom('in', 'pmatch', 'startswith anyof', 'endswith anyof', 'contains oneof', 'startswith allof'),
    listOf(text),
  ),
  words(pathField, fc.constant('glob'), glob.map(quoted)),
  words(
    fc.constantFrom('evt.is_open_read', 'evt.is_open_write', 'evt.is_open_exec', 'evt.is_open_create', 'evt.failed'),
    equality,
    fc.constantFrom('true', 'false'),
  ),
  words(
    fc.constantFrom('fd.num', 'evt.rawres'),
    fc.constantFrom('=', '<', '<=', '>', '>='),
    fc.constantFrom('0', '-1', '3', '-115', '-13'),
  ),
  words(
    fc.constant('evt.res'),
    fc.constantFrom('=', '!=', 'startswith'),
    fc.constantFrom('E', 'SUCCESS', 'EINPROGRESS', 'ENOENT'),
  ),
  words(fc.constant('fd.typechar'), equality, fc.constantFrom('f', 'd', '4', '6', 'u', 'n')),
  words(fc.constant('fd.type'), fc.constant('in'), listOf(fc.constantFrom('file', 'directory', 'ipv4', 'unix'))),
  words(fc.constant('fd.sockfamily'), equality, fc.constantFrom('ip', 'unix')),
  words(fc.constant('fd.l4proto'), equality, fc.constantFrom('tcp', 'udp', 'icmp')),
  words(
    fc.constantFrom('fd.sport', 'fd.port', 'fd.rport', 'fd.lport'),
    fc.constantFrom('=', '!=', '<', '>='),
    fc.constantFrom('0', '53', '80', '443', '1024'),
  ),
  words(fc.constantFrom('fd.sport', 'fd.port'), fc.constant('in'), listOf(fc.constantFrom('53', '80', '443', '8080'))),
  words(
    fc.constantFrom('fd.sip', 'fd.ip', 'fd.rip'),
    equality,
    fc.constantFrom('0.0.0.0', '169.254.169.254', '127.0.0.1'),
  ),
  words(
    fc.constantFrom('fd.snet', 'fd.net', 'fd.cnet'),
    fc.constantFrom('=', '!='),
    fc.constantFrom('127.0.0.0/8', '10.0.0.0/8', '10.9.0.0/16', '0.0.0.0/0').map(quoted),
  ),
  words(
    fc.constantFrom('fd.snet', 'fd.net'),
    fc.constant('in'),
    listOf(fc.constantFrom('10.0.0.0/8', '192.168.0.0/16', '::1/128')),
  ),
  words(fc.constantFrom('fd.name_changed', 'fd.connected', 'fd.is_server'), equality, fc.constantFrom('true', 'false')),
  words(fc.constant('evt.arg.flags'), fc.constant('contains'), fc.constantFrom('O_CREAT', 'O_TRUNC', 'O_DIRECT')),
  words(fc.constant('container.id'), equality, fc.constantFrom('host', 'abcdef012345', 'x')),
  words(
    fc.constantFrom('container.name', 'container.image.repository', 'proc.cmdline', 'user.name'),
    equality,
    fc.constantFrom('host', 'web', 'root'),
  ),
  words(fc.constant('proc.name'), fc.constantFrom('in', 'in'), listOf(comm)),
  words(fc.constant('proc.name'), fc.constantFrom('=', '!=', 'startswith'), comm),
  words(
    fc.constantFrom('proc.exe', 'proc.exepath'),
    fc.constantFrom('=', '!=', 'endswith', 'startswith', 'contains'),
    fc.constantFrom('ssh', '/usr/bin/ssh', '-', 'tar').map(quoted),
  ),
  words(fc.constantFrom('proc.exe', 'proc.exepath'), fc.constant('in'), listOf(exe)),
  words(fc.constant('user.uid'), fc.constantFrom('=', '!=', '>', '<'), fc.constantFrom('0', '1', '1000')),
  words(
    fc.constantFrom('fd.name', 'fs.path.name', 'fd.directory', 'proc.name', 'fd.l4proto', 'container.image'),
    fc.constant('exists'),
  ),
  fc.constantFrom(
    'evt.type = open',
    'evt.type in (openat, openat2, connect)',
    'evt.type != creat',
    'evt.type = unlinkat',
  ),
);
const { condition } = fc.letrec<{ condition: string }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    test,
    fc.array(tie('condition'), { minLength: 2, maxLength: 4 }).map((parts) => `(${parts.join(' and ')})`),
    fc.array(tie('condition'), { minLength: 2, maxLength: 3 }).map((parts) => `(${parts.join(' or ')})`),
    tie('condition').map((one) => `not (${one})`),
  ),
}));

/** Rules as people write them, and any others. */
const rule = fc.oneof(
  condition,
  fc
    .array(fc.oneof(test, condition), { minLength: 2, maxLength: 5 })
    .map((parts) => parts.map((one) => `(${one})`).join(' and ')),
);

function load(conditions: readonly string[]): readonly Rule[] {
  const source = conditions
    .map(
      (one, index) =>
        `- rule: r${index}\n  desc: d\n  condition: ${quoted(one)}\n  output: o\n  priority: INFO\n  warn_evttypes: false\n`,
    )
    .join('');
  const outcome = loadRules([{ path: 'rules.yaml', text: source }], { fields: fieldCatalogue });
  expect(outcome.errors.map(({ message }) => message)).toEqual([]);
  return outcome.ruleSet.rules;
}

/** The rules that match, as the reference interpreter reads them, with the agent's own readers of fields. */
function matching(rules: readonly Rule[], scene: Scene): readonly string[] {
  const value = (name: string) => read(name, scene) as ReturnType<Parameters<typeof evaluate>[1]['value']>;
  const event = { value, type: (name: string) => typeOf.get(name) ?? 'CHARBUF' };
  return rules.filter((rule) => evaluate(rule.resolved, event)).map((rule) => rule.name);
}

type Made = { readonly model: FilterModel; readonly judges: Judges };

function make(rules: readonly Rule[]): Made {
  const tables = encodeFilter(compileFilter(rules, types, new Set()));
  const judged = rules.map((each) => ({ rule: each }));
  return { model: new FilterModel(tables), judges: makeJudges(judged, tables) };
}

function check(rules: readonly Rule[], { model, judges }: Made, { call, scene }: Seen): 'send' | 'drop' {
  const matched = matching(rules, scene);
  const isIn = scene.container === undefined ? 'host' : 'container';
  const name = scene.process?.comm;
  const { argv, exePath } = scene.process?.program ?? { argv: [], exePath: undefined };
  const judgement = guardsOf(judges, { exe: argv[0], exePath });
  const sure = model.decide({ ...call, container: isIn, name, judgement });
  for (const where of [isIn, 'unknown'] as const) {
    for (const who of [name, undefined]) {
      for (const said of [judgement, undefined]) {
        const decision = model.decide({ ...call, container: where, name: who, judgement: said });
        // What is not certain never leads to a drop that certainty would not.
        if (matched.length > 0 || sure === 'send') expect([decision, matched, call]).toEqual(['send', matched, call]);
      }
    }
  }
  return sure;
}

describe('the filter for the kernel', () => {
  it('drops no event that a rule matches, whatever the rules and the events', { timeout: 60_000 }, () => {
    let dropped = 0;
    fc.assert(
      fc.property(
        fc.array(rule, { minLength: 1, maxLength: 3 }),
        fc.array(seen, { minLength: 30, maxLength: 60 }),
        (conditions, events) => {
          const rules = load(conditions);
          const made = make(rules);
          for (const event of events) if (check(rules, made, event) === 'drop') dropped++;
        },
      ),
      { numRuns: 300 },
    );
    expect(dropped).toBeGreaterThan(2_000);
  });

  it('sends what is no absolute path, whatever the rules ask of it', () => {
    const rules = load(['evt.type = open and fd.name = "memfd:a"', 'evt.type = open and fd.directory = "/etc"']);
    const model = new FilterModel(encodeFilter(compileFilter(rules, types, new Set())));
    const open = (resolved: string) =>
      model.decide({ nr: 2, ret: 3, uid: 0, container: 'host', name: 'a', path: '/proc/self/fd/9', resolved });
    expect(open('memfd:a')).toBe('send');
    const plain = { nr: 2, ret: 3, uid: 0, container: 'host', name: 'a', path: '/a/b', resolved: '/a/b' } as const;
    expect(model.decide(plain)).toBe('drop');
  });

  it('looks for the link of a process where a rule may want one, by its name or by what it led to', () => {
    const through = (condition: string, resolved: string) =>
      new FilterModel(encodeFilter(compileFilter(load([condition]), types, new Set()))).decide({
        nr: 2,
        ret: 3,
        uid: 0,
        container: 'host',
        name: 'a',
        path: '/proc/self/fd/9',
        resolved,
      });
    expect(through('evt.type = open and fd.name startswith /proc/self/fd/', '/a/b')).toBe('send');
    expect(through('evt.type = open and fd.name startswith /proc and fs.path.name = /etc/x', '/etc/x')).toBe('send');
    expect(through('evt.type = open and not fd.name startswith /proc and fs.path.name = /etc/x', '/a/b')).toBe('drop');
    expect(through('evt.type = open and fd.name startswith /etc/', '/a/b')).toBe('drop');
    expect(through('evt.type = open and fd.name startswith /etc/', '/etc/b')).toBe('send');
  });

  it('sends every event of the types that are kept', () => {
    const [rule] = load(['evt.type in (open, openat) and fd.name = /etc/shadow']);
    const call = {
      nr: numberOfCall('openat') ?? 0,
      ret: 3,
      uid: 0,
      container: 'host',
      name: 'sh',
      path: '/a',
      resolved: '/a',
    } as const;
    const decide = (kept: ReadonlySet<string>) =>
      new FilterModel(encodeFilter(compileFilter(rule ? [rule] : [], ['open', 'openat'], kept))).decide(call);
    expect(decide(new Set())).toBe('drop');
    expect(decide(new Set(['openat']))).toBe('send');
  });
});

describe.skipIf(!hasData && !mustRun)(
  hasData ? 'of the published rules' : `of the published rules: ${whyMissing}`,
  () => {
    const outcome = loadRules(publishedFiles.map(readPublished), { fields: fieldCatalogue });
    const rules = outcome.ruleSet.rules.filter((rule) => rule.enabled);
    const filter = compileFilter(rules, types, new Set());
    const tables = encodeFilter(filter);
    const model = new FilterModel(tables);
    const judges = makeJudges(
      rules.map((rule) => ({ rule })),
      tables,
    );

    it('is exact enough to drop uninteresting opens, and gives nothing up', () => {
      expect(filter.simplified).toEqual([]);
      const open = (path: string, more: Partial<ModelCall> = {}) =>
        model.decide({
          nr: 257,
          ret: 3,
          uid: 0,
          container: 'host',
          name: 'tar',
          path,
          resolved: path,
          openFlags: 0,
          ...more,
        });
      expect(open('/usr/share/zoneinfo/Europe/Rome')).toBe('drop');
      expect(open('/etc/ld.so.cache')).toBe('drop');
      expect(open('/etc/shadow')).toBe('send');
      expect(open('/home/a/.ssh/id_rsa')).toBe('send');
      expect(open('/usr/bin/x', { openFlags: 1 })).toBe('send');
      expect(open('/usr/bin/x')).toBe('drop');
      expect(open('/srv/x', { container: 'container' })).toBe('send');
      expect(open('/srv/x', { container: 'container', name: 'cat' })).toBe('drop');
      expect(open('/srv/x', { container: 'unknown', name: 'cat' })).toBe('drop');
      expect(open('/etc/x', { path: '../../etc/x' })).toBe('send');
    });

    it('tells servers apart by port and address', () => {
      const connect = (port: number, address: number, more: Partial<ModelCall> & { readonly protocol?: number } = {}) =>
        model.decide({
          nr: 42,
          ret: 0,
          uid: 0,
          container: 'host',
          name: 'curl',
          socket: { family: 2, protocol: more.protocol ?? 6, port, address },
          ...more,
        });
      const [local, site, public_, metadata] = [0x7f000001, 0xc0a80007, 0x08080808, 0xa9fea9fe];
      expect(connect(443, local)).toBe('drop');
      expect(connect(443, site)).toBe('drop');
      expect(connect(6379, public_)).toBe('drop');
      // A rule is about what ssh(1) does; until the agent was asked, that may be anybody.
      expect(connect(443, public_)).toBe('send');
      const judgement = (exe: string) => guardsOf(judges, { exe, exePath: exe });
      expect(connect(443, public_, { judgement: judgement('/usr/bin/curl') })).toBe('drop');
      expect(connect(443, public_, { judgement: judgement('/usr/bin/ssh') })).toBe('send');
      expect(connect(6379, public_, { name: 'sort' })).toBe('send');
      expect(connect(53, public_, { protocol: 17 })).toBe('drop');
      expect(connect(5353, public_, { protocol: 17 })).toBe('send');
      // Any server may have the name of the API server.
      expect(connect(6379, metadata, { container: 'container' })).toBe('send');
      const send = (namesPeer: boolean) => connect(443, public_, { nr: 44, namesPeer });
      expect(send(false)).toBe('drop');
      expect(send(true)).toBe('send');
    });
  },
);
