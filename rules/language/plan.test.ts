import { describe, expect, it } from 'vitest';
import { fieldCatalogue } from '../fields.ts';
import { fieldText } from './catalogue.ts';
import { compileRuleSet } from './compile.ts';
import type { Bind, FieldValue } from './field.ts';
import { loadRules } from './load.ts';

type Event = { readonly fields: ReadonlyMap<string, FieldValue> };

/** Counts how often each field is read. */
function counting(): { readonly bind: Bind<{ now: Event }>; readonly reads: Map<string, number> } {
  const reads = new Map<string, number>();
  const bind: Bind<{ now: Event }> = (use) => {
    const name = fieldText(use);
    return (scene) => {
      reads.set(name, (reads.get(name) ?? 0) + 1);
      return scene.now.fields.get(name);
    };
  };
  return { bind, reads };
}

function ruleSet(conditions: readonly string[]) {
  const text = conditions
    .map(
      (condition, index) => `- rule: r${index}\n  desc: d\n  condition: ${condition}\n  output: o\n  priority: INFO\n`,
    )
    .join('');
  const outcome = loadRules([{ path: 'rules.yaml', text }], { fields: fieldCatalogue });
  expect(outcome.errors.map(({ message }) => message)).toEqual([]);
  return outcome.ruleSet;
}

const open = (path: string, more: Readonly<Record<string, FieldValue>> = {}): Event => ({
  fields: new Map<string, FieldValue>(Object.entries({ 'evt.type': 'openat', 'fd.name': path, ...more })),
});

const opens = 'evt.type in (open, openat)';

describe('a plan', () => {
  const conditions = [
    `${opens} and fd.name startswith /etc/secret`,
    `${opens} and fd.name endswith .key and proc.name != sshd`,
    `${opens} and fd.name contains /.ssh/`,
    `${opens} and fd.name in (/dev/mem, /dev/kmem)`,
    `${opens} and proc.name in (nc, ncat) and not fd.name startswith /usr`,
    `${opens} and fd.name glob /proc/*/environ and user.uid != 0`,
  ];

  it('fires what it should in a stream of paths that are all new, and behind it', () => {
    const { bind } = counting();
    const compiled = compileRuleSet(ruleSet(conditions), bind, { matching: 'all' });
    const scene = { now: open('/') };
    const match = (event: Event): readonly string[] => {
      scene.now = event;
      return compiled.match('openat', scene).map(({ name }) => name);
    };
    const telling: readonly (readonly [Event, readonly string[]])[] = [
      [open('/etc/secret/a.key', { 'proc.name': 'cat' }), ['r0', 'r1']],
      [open('/home/a/.ssh/id', { 'proc.name': 'nc' }), ['r2', 'r4']],
      [open('/dev/kmem', { 'proc.name': 'cat' }), ['r3']],
      [open('/proc/7/environ', { 'user.uid': 5 }), ['r5']],
      [open('/usr/lib/x.so', { 'proc.name': 'nc' }), []],
      [open(`/home/${'x'.repeat(400)}/.ssh/id.key`, { 'proc.name': 'cat' }), ['r1', 'r2']],
    ];
    for (let index = 0; index < 40_000; index++) {
      // Unique ones for most of the time: nothing of them is worth remembering; then ones that come again.
      const path = index < 30_000 ? `/srv/${index}/data` : `/srv/${index % 50}/data`;
      expect(match(open(path, { 'proc.name': 'cat', 'user.uid': 0 }))).toEqual([]);
      const [event, names] = telling[index % telling.length] ?? telling[0] ?? [open('/'), []];
      if (index % 7 === 0) expect(match(event)).toEqual(names);
    }
  });

  it('reads a field at most once per event, however many rules ask for it', () => {
    const { bind, reads } = counting();
    const compiled = compileRuleSet(ruleSet(conditions), bind, { matching: 'all' });
    const scene = { now: open('/') };
    for (let index = 0; index < 500; index++) {
      reads.clear();
      scene.now = open(index % 3 === 0 ? '/home/a/.ssh/id' : `/srv/${index % 9}`, { 'proc.name': 'nc', 'user.uid': 5 });
      compiled.match('openat', scene);
      expect(Math.max(...reads.values())).toBe(1);
    }
  });

  it('works out once what several rules have in common', () => {
    const { bind, reads } = counting();
    const shared = '(proc.cmdline contains a or proc.aname in (x, y))';
    const set = ruleSet([1, 2, 3].map((uid) => `${opens} and ${shared} and user.uid = ${uid}`));
    const compiled = compileRuleSet(set, bind, { matching: 'all' });
    const scene = { now: open('/', { 'proc.cmdline': 'b', 'proc.aname': ['y'], 'user.uid': 3 }) };
    expect(compiled.match('openat', scene).map(({ name }) => name)).toEqual(['r2']);
    expect(reads.get('proc.aname')).toBe(1);
  });

  it('reads what is slow to read only when the rest of a condition is true', () => {
    const { bind, reads } = counting();
    const set = ruleSet([1, 2, 3, 4].map((uid) => `${opens} and proc.env contains LD_${uid} and user.uid = ${uid}`));
    const compiled = compileRuleSet(set, bind, { matching: 'all' });
    const scene = { now: open('/', { 'proc.env': 'LD_2=x', 'user.uid': 7 }) };
    for (let round = 0; round < 500; round++) expect(compiled.match('openat', scene)).toEqual([]);
    expect(reads.get('proc.env')).toBeUndefined();
    scene.now = open('/', { 'proc.env': 'LD_2=x', 'user.uid': 2 });
    expect(compiled.match('openat', scene).map(({ name }) => name)).toEqual(['r1']);
  });

  it('searches an environment again when it is another one, or none', () => {
    const { bind } = counting();
    const compiled = compileRuleSet(ruleSet([`${opens} and proc.env icontains ld_preload`]), bind, {
      matching: 'all',
    });
    const fires = (environment: string | undefined) =>
      compiled.match('openat', { now: open('/', environment === undefined ? {} : { 'proc.env': environment }) }).length;
    expect(['A=b', 'LD_PRELOAD=x', 'LD_PRELOAD=x', undefined, 'LD_PRELOAD=x', 'A=b'].map(fires)).toEqual([
      0, 1, 1, 0, 1, 0,
    ]);
  });

  it('stops at the first rule that fires when asked to', () => {
    const { bind } = counting();
    const compiled = compileRuleSet(ruleSet(conditions), bind, { matching: 'first' });
    const scene = { now: open('/etc/secret/a.key', { 'proc.name': 'cat' }) };
    for (let round = 0; round < 200; round++)
      expect(compiled.match('openat', scene).map(({ name }) => name)).toEqual(['r0']);
  });

  it.for([
    { matching: 'first', expected: ['r0'] },
    { matching: 'all', expected: ['r0', 'r2'] },
  ] as const)(
    'fires the same ($matching) when rules that are often left have become one function',
    ({ matching, expected }) => {
      const set = ruleSet([`${opens} and user.uid = 5`, `${opens} and user.uid = 6`, `${opens} and proc.tty = 0`]);
      const compiled = compileRuleSet(set, counting().bind, { matching });
      const fires = open('/', { 'user.uid': 5, 'proc.tty': 0 });
      const scene = { now: fires };
      const match = (event: Event): readonly string[] => {
        scene.now = event;
        return compiled.match('openat', scene).map(({ name }) => name);
      };
      for (let round = 0; round < 10_000; round++) {
        if (round % 3 === 0) expect(match(fires)).toEqual(expected);
        else expect(match(open('/', { 'user.uid': 7, 'proc.tty': round % 3 }))).toEqual([]);
      }
      expect(match(open('/', { 'user.uid': 6 }))).toEqual(['r1']);
      expect(match(open('/'))).toEqual([]);
    },
  );

  it('keeps a literal of a rule a value, whatever it holds', () => {
    const hostile = ['"); throw 1; ("', '$' + '{process.exit(1)}', '\\u0022', '`', '*/ c0=[]; /*', "'+x+'"];
    const set = ruleSet(hostile.map((text) => JSON.stringify(`${opens} and fd.name = ${JSON.stringify(text)}`)));
    const compiled = compileRuleSet(set, counting().bind, { matching: 'all' });
    for (const [index, text] of hostile.entries()) {
      const names = compiled.match('openat', { now: open(text) }).map(({ name }) => name);
      expect(names).toEqual([`r${index}`]);
    }
  });
});
