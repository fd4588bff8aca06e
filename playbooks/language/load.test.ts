import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { locate } from '#rules/language/source';
import { loadPlaybooks } from './load.ts';
import type { ActionSpec } from './playbook.ts';

const send: ActionSpec = {
  name: 'send',
  side: 'router',
  doc: '',
  params: z.strictObject({
    to: z.string(),
    method: z.enum(['GET', 'POST']).default('POST'),
    body: z.unknown().optional(),
    codes: z.array(z.int()).optional(),
  }),
  idempotent: true,
};
const catalogue = new Map([['send', send]]);

function load(...texts: readonly string[]) {
  return loadPlaybooks(
    texts.map((text, index) => ({ path: `${index + 1}.yaml`, text })),
    catalogue,
  );
}

function errorsOf(...texts: readonly string[]): readonly string[] {
  return load(...texts).errors.map(({ message, source, span }) => {
    const { path, line, column } = locate(source, span.start);
    return `${path}:${line}:${column}: ${message}`;
  });
}

const head = 'playbook: p\non: { rules: [r] }\nsteps:\n';

describe('loadPlaybooks', () => {
  it('fills in every default and resolves units', () => {
    const { playbooks, ok } = load(`${head}  - { id: a, uses: send, with: { to: x } }\n`);
    expect(ok).toBe(true);
    expect(playbooks).toMatchObject([
      {
        name: 'p',
        description: '',
        mode: undefined,
        path: '1.yaml',
        on: { rules: ['r'], tags: undefined, condition: undefined },
        steps: [{ id: 'a', timeoutMs: 10_000, retry: { attempts: 1 }, onError: 'stop', guard: undefined }],
      },
    ]);
  });

  it('reads what is written instead', () => {
    const { playbooks, errors } = load(
      `playbook: p\ndescription: d\nmode: enforce\non: { tags: [t], priority: error, source: s }\nsteps:\n  - { id: a, uses: send, with: { to: x }, timeout: 2m, retry: { attempts: 5, backoff: 50ms, most: 1h }, on_error: continue, if: alert.rule = r }\n`,
    );
    expect(errors).toEqual([]);
    expect(playbooks).toMatchObject([
      {
        mode: 'enforce',
        on: { tags: ['t'], priority: 'Error', source: 's' },
        steps: [
          {
            timeoutMs: 120_000,
            retry: { attempts: 5, backoffMs: 50, mostMs: 3_600_000 },
            onError: 'continue',
            guard: expect.any(Function),
          },
        ],
      },
    ]);
  });

  it('takes documents, lists, and files without any playbook', () => {
    const one = (name: string) =>
      `playbook: ${name}\non: { rules: [r] }\nsteps: [{ id: a, uses: send, with: { to: x } }]\n`;
    const list = `- ${one('c').replaceAll('\n', '\n  ').trim()}\n- ${one('d').replaceAll('\n', '\n  ').trim()}\n`;
    const { playbooks, errors } = load(`${one('a')}---\n${one('b')}`, list, '', '# nothing\n');
    expect(errors).toEqual([]);
    expect(playbooks.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('keeps the good playbooks beside a bad one', () => {
    const good = `${head}  - { id: a, uses: send, with: { to: x } }\n`;
    const { ok, playbooks } = load(`${good}---\n${good.replace('playbook: p', 'playbook: q').replace('send', 'sent')}`);
    expect({ ok, names: playbooks.map(({ name }) => name) }).toEqual({ ok: false, names: ['p'] });
  });

  it.for([
    {
      name: 'an unknown key of a playbook',
      text: `playbok: p\n${head}  - { id: a, uses: send, with: { to: x } }\n`,
      errors: ['1.yaml:1:1: unknown key playbok; did you mean playbook?'],
    },
    {
      name: 'an unknown key of on',
      text: 'playbook: p\non: { rules: [r], tag: [x] }\nsteps: [{ id: a, uses: send, with: { to: x } }]\n',
      errors: ['1.yaml:2:19: unknown key tag; did you mean tags?'],
    },
    {
      name: 'an unknown key of a step',
      text: `${head}  - { id: a, uses: send, with: { to: x }, onerror: stop }\n`,
      errors: ['1.yaml:4:43: unknown key onerror; did you mean on_error?'],
    },
    {
      name: 'an unknown key of retry',
      text: `${head}  - { id: a, uses: send, with: { to: x }, retry: { tries: 1 } }\n`,
      errors: ['1.yaml:4:52: unknown key tries; expected one of attempts, backoff, most'],
    },
    {
      name: 'an unknown action',
      text: `${head}  - { id: a, uses: sned }\n`,
      errors: ['1.yaml:4:20: unknown action sned; did you mean send?'],
    },
    {
      name: 'an unknown parameter',
      text: `${head}  - { id: a, uses: send, with: { to: x, metod: GET } }\n`,
      errors: ['1.yaml:4:41: unknown key metod; did you mean method?'],
    },
    {
      name: 'a missing parameter',
      text: `${head}  - { id: a, uses: send }\n`,
      errors: ['1.yaml:4:5: steps[0].with.to: is missing; expected a text'],
    },
    {
      name: 'a wrong parameter beside a template',
      text: `${head}  - { id: a, uses: send, with: { to: "%alert.rule", method: PUTT } }\n`,
      errors: ['1.yaml:4:61: steps[0].with.method: expected one of GET, POST, found PUTT'],
    },
    {
      name: 'the same step twice',
      text: `${head}  - { id: a, uses: send, with: { to: x } }\n  - { id: a, uses: send, with: { to: x } }\n`,
      errors: ['1.yaml:5:11: another step is called a already'],
    },
    {
      name: 'an outcome of a step that comes later',
      text: `${head}  - { id: a, uses: send, with: { to: "%steps.b.outcome" } }\n  - { id: b, uses: send, with: { to: x } }\n`,
      errors: ['1.yaml:4:40: unknown field steps.b.outcome'],
    },
    {
      name: 'a wrong condition in a folded scalar',
      text: `playbook: p\non:\n  condition: >\n    proc.name = sh\n    and proc.nmae = x\nsteps: [{ id: a, uses: send, with: { to: x } }]\n`,
      errors: ['1.yaml:5:9: unknown field proc.nmae; did you mean proc.name?'],
    },
    {
      name: 'a wrong guard',
      text: `${head}  - { id: a, uses: send, with: { to: x }, if: steps.z.outcome = done }\n`,
      errors: ['1.yaml:4:47: unknown field steps.z.outcome'],
    },
    {
      name: 'a wrong template deep inside',
      text: `${head}  - id: a\n    uses: send\n    with:\n      to: x\n      body:\n        list: [one, "%proc.nam"]\n`,
      errors: ['1.yaml:9:23: unknown field proc.nam; did you mean proc.name?'],
    },
    {
      name: 'a trigger that says nothing',
      text: 'playbook: p\non: {}\nsteps: [{ id: a, uses: send, with: { to: x } }]\n',
      errors: ['1.yaml:2:5: on: expected at least one of rules, tags, priority, source, condition, found a map'],
    },
    {
      name: 'a wrong time, priority and name',
      text: 'playbook: My Book\non: { priority: high }\nsteps: [{ id: a b, uses: send, with: { to: x }, timeout: 5 sec }]\n',
      errors: [
        '1.yaml:1:11: playbook: expected small letters, digits and -, found My Book',
        '1.yaml:2:17: on.priority: expected one of Emergency, Alert, Critical, Error, Warning, Notice, Informational, Debug, found high',
        '1.yaml:3:15: steps[0].id: expected letters, digits and _, a letter first, found a b',
        '1.yaml:3:58: steps[0].timeout: expected a time such as 500ms, 30s, 10m or 2h, found 5 sec',
      ],
    },
    {
      name: 'a time without a unit',
      text: `${head}  - { id: a, uses: send, with: { to: x }, timeout: 5 }\n`,
      errors: ['1.yaml:4:52: steps[0].timeout: expected a time such as 500ms, 30s, 10m or 2h, found 5'],
    },
    {
      name: 'wrong keys and wrong words of the same playbook',
      text: `playbook: p\non: { condition: proc.nmae = x, rule: [r] }\nsteps:\n  - { id: a, use: send, with: { to: "%proc.nam" } }\n  - { id: b, uses: sedn, timeout: 0s }\n`,
      errors: [
        '1.yaml:2:18: unknown field proc.nmae; did you mean proc.name?',
        '1.yaml:2:33: unknown key rule; did you mean rules?',
        '1.yaml:4:5: steps[0].uses: is missing; expected a text',
        '1.yaml:4:14: unknown key use; did you mean uses?',
        '1.yaml:4:39: unknown field proc.nam; did you mean proc.name?',
        '1.yaml:5:20: unknown action sedn; did you mean send?',
        '1.yaml:5:35: steps[1].timeout: expected a time from 10ms to 3600s, found 0s',
      ],
    },
    {
      name: 'what is no playbook at all',
      text: 'just text\n',
      errors: ['1.yaml:1:1: expected a playbook: a map with the keys playbook, on and steps'],
    },
    {
      name: 'the same key twice',
      text: `${head}  - { id: a, uses: send, with: { to: x, to: y } }\n`,
      errors: ['1.yaml:4:41: map keys must be unique'],
    },
  ])('reports $name', ({ text, errors }) => {
    expect(errorsOf(text)).toEqual(errors);
  });

  it('reports the errors of all files at once, and names that are taken', () => {
    const good = `${head}  - { id: a, uses: send, with: { to: x } }\n`;
    expect(errorsOf(good, good, 'a: [\n')).toEqual([
      '2.yaml:1:11: playbook p is already in 1.yaml',
      expect.stringMatching(/^3\.yaml:/),
    ]);
  });
});

describe('limits', () => {
  const steps = (count: number) =>
    Array.from({ length: count }, (_, index) => `  - { id: s${index}, uses: send, with: { to: x } }\n`).join('');
  it.for([
    {
      name: 'more than 64 steps in groups',
      text: `${head}${[0, 1, 2].map((group) => `  - { id: g${group}, parallel: [${Array.from({ length: 30 }, (_, at) => `{ id: s${group}_${at}, uses: send, with: { to: x } }`).join(', ')}] }\n`).join('')}`,
      error: 'more than 64 steps',
    },
    { name: '33 steps', text: head + steps(33), error: 'steps: expected at most 32 items' },
    {
      name: 'parameters nested too deeply',
      text: `${head}  - { id: a, uses: send, with: { to: x, body: ${'['.repeat(30)}x${']'.repeat(30)} } }\n`,
      error: 'nested more than 16 deep',
    },
    {
      name: 'aliases that unfold to gigabytes',
      text: `${head}  - id: a\n    uses: send\n    with:\n      to: x\n      body:\n        a: &a [x, x, x, x, x, x, x, x, x, x]\n${'bcdefghi'
        .split('')
        .map((key, index) => `        ${key}: &${key} [${Array(10).fill(`*${'abcdefgh'[index]}`).join(', ')}]\n`)
        .join('')}`,
      error: /alias|unfolds/,
    },
    {
      name: 'some more aliases than anyone needs',
      text: `${head}  - { id: a, uses: send, with: { to: x, body: { a: &a [&b [x, x], *b, *b], b: [${Array(40).fill('*a').join(', ')}] } } }\n`,
      error: 'excessive alias count',
    },
    {
      name: 'an alias without an anchor',
      text: `${head}  - { id: a, uses: send, with: { to: *x } }\n`,
      error: 'unresolved alias',
    },
    {
      name: 'more than a thousand playbooks',
      text: Array.from(
        { length: 1_002 },
        (_, index) => `---\nplaybook: p${index}\non: { rules: [r] }\nsteps: [{ id: a, uses: send, with: { to: x } }]\n`,
      ).join(''),
      error: 'more than 1000 playbooks',
    },
  ])('refuse $name', ({ text, error }) => {
    const { ok, errors } = load(text);
    expect({ ok, messages: errors.map(({ message }) => message) }).toEqual({
      ok: false,
      messages: expect.arrayContaining([expect.stringMatching(error)]),
    });
  });
});
