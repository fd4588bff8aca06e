import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Alert, alertSchema } from '#rules/alert';
import { locate, sourceOf } from '#rules/language/source';
import { makeScopeCatalogue } from './alert-fields.ts';
import type { Filled, Scope } from './playbook.ts';
import { compileText, fillAll, fillList, maskSecrets } from './value-template.ts';

const catalogue = makeScopeCatalogue([{ id: 'kill', outputs: { code: 'A number.' } }], 'foreach');

function compile(text: string) {
  const problems: string[] = [];
  const template = compileText(
    sourceOf('p.yaml', text),
    catalogue,
    ({ message, source, span }) => problems.push(`${locate(source, span.start).offset}: ${message}`),
    () => undefined,
  );
  return { template, problems };
}

function scopeOf(fields: Alert['output_fields']): Scope {
  const alert = alertSchema.parse({
    time: '2026-01-01T00:00:00Z',
    rule: 'A rule',
    priority: 'Error',
    output_fields: fields,
  });
  const kill = { outcome: 'done', detail: 'gone for good', outputs: { code: 7 } };
  return { alert, alertId: 'an-id', steps: new Map([['kill', kill]]), item: { value: 'an item', index: 3 } };
}

const secrets = (name: string) => ({ KEY: 's3cret', URL: 'https://h/%20' })[name];

function fill(text: string, fields: Alert['output_fields'] = {}): Filled {
  const { template, problems } = compile(text);
  expect(problems).toEqual([]);
  return template(scopeOf(fields), secrets);
}

describe('a template', () => {
  const fields = {
    'proc.name': 'sh',
    'proc.pid': 7,
    'proc.is_exe_writable': true,
    'user.name': null,
    'container.id': 'abc',
    'fd.sip': '10.0.0.1',
    'proc.cmdline': 'sh -c "%proc.name %{proc.pid} %%"',
  };
  it.for([
    { text: 'plain', value: 'plain' },
    { text: '%proc.name', value: 'sh' },
    { text: '%{proc.name}', value: 'sh' },
    { text: '%proc.pid', value: 7 },
    { text: '%{proc.pid}', value: 7 },
    { text: 'pid %proc.pid', value: 'pid 7' },
    { text: 'pid %{proc.pid}.', value: 'pid 7.' },
    { text: '%proc.is_exe_writable', value: true },
    { text: '%fd.sip', value: '10.0.0.1' },
    { text: '%6proc.name|', value: 'sh    |' },
    { text: '%toupper(proc.name)', value: 'SH' },
    { text: '%{toupper(proc.name)}-x', value: 'SH-x' },
    { text: '%{user.name|nobody}', value: 'nobody' },
    { text: '%{user.name|}', value: '' },
    { text: 'by %{user.name|some one}!', value: 'by some one!' },
    { text: '%{proc.name|nobody}', value: 'sh' },
    { text: '100%% of %proc.name', value: '100% of sh' },
    { text: '%%proc.name', value: '%proc.name' },
    { text: '*%proc.name', value: '*sh' },
    { text: '* plain', value: '* plain' },
    { text: '{{%proc.name}}', value: '{{sh}}' },
    { text: '%alert.rule/%alert.priority/%alert.id', value: 'A rule/Error/an-id' },
    { text: '%steps.kill.outcome: %steps.kill.detail', value: 'done: gone for good' },
    { text: '%{steps.kill.outcome}', value: 'done' },
    { text: '%steps.kill.status after %steps.kill.code', value: 'done after 7' },
    { text: '%item.index: %item.value', value: '3: an item' },
    { text: '%trigger.kind of %trigger.count', value: 'alert of 1' },
    { text: '%trigger.count', value: 1 },
    // What a field holds is never read as a template.
    { text: '%proc.cmdline', value: 'sh -c "%proc.name %{proc.pid} %%"' },
  ])('$text becomes $value', ({ text, value }) => {
    expect(fill(text, fields)).toEqual({ ok: true, value, masked: value, secrets: [] });
  });

  it.for([
    { text: '%user.name', reason: '%user.name has no value here; %{user.name|something} would give it one' },
    {
      text: 'x %proc.name y %{user.name}',
      reason: '%user.name has no value here; %{user.name|something} would give it one',
    },
    { text: '%{secret.NONE}', reason: 'there is no secret NONE' },
  ])('$text fails: $reason', ({ text, reason }) => {
    expect(fill(text, fields)).toEqual({ ok: false, reason });
  });

  it('masks secrets and tells which it used', () => {
    expect(fill('Bearer %{secret.KEY}')).toEqual({
      ok: true,
      value: 'Bearer s3cret',
      masked: 'Bearer ***',
      secrets: ['s3cret'],
    });
    expect(fill('%secret.KEY at %secret.URL/x')).toEqual({
      ok: true,
      value: 's3cret at https://h/%20/x',
      masked: '*** at ***/x',
      secrets: ['s3cret', 'https://h/%20'],
    });
    expect(fill('%{secret.URL}')).toEqual({
      ok: true,
      value: 'https://h/%20',
      masked: '***',
      secrets: ['https://h/%20'],
    });
  });

  it.for([
    { text: '50% of', problem: '2: a field must follow %, as in %proc.name; write %% for a percent sign' },
    { text: 'a %proc.nmae', problem: '3: unknown field proc.nmae; did you mean proc.name?' },
    { text: 'a %{proc.nmae|x}', problem: '4: unknown field proc.nmae; did you mean proc.name?' },
    { text: '%{proc.name|%proc.pid}', problem: '0: a default is plain text, without %' },
    { text: '%{}', problem: '0: expected the name of a field in %{…}' },
    { text: '%steps.kil.outcome', problem: '1: unknown field steps.kil.outcome; did you mean steps.kill.outcome?' },
    { text: '%secret.', problem: '0: a field must follow %, as in %proc.name; write %% for a percent sign' },
    { text: '%{secret.a-b}', problem: '0: a secret is named by letters, digits and _, found a-b' },
    { text: '%{secret.KEY|x}', problem: '0: a secret has no default: it would stand in the file for all to read' },
  ])('$text is refused', ({ text, problem }) => {
    expect(compile(text).problems).toEqual([problem]);
  });
});

/** Quotes, line ends, shell, templates, terminals, bidi marks: what an attacker can put into a process's name or arguments. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary' }).map((text) => text.toWellFormed()),
  fc
    .array(
      fc.constantFrom(
        '"',
        "'",
        '\n',
        '\r\n',
        '$(id)',
        '`id`',
        '%',
        '%{secret.KEY}',
        '%proc.name',
        '{{7*7}}',
        '\u001b[2J',
        '\u202e',
        '\0',
        '\\',
        '</script>',
        '😀',
        ',',
      ),
      { maxLength: 12 },
    )
    .map((parts) => parts.join('')),
  fc.constantFrom('x'.repeat(65_536), '%'.repeat(4_096), '\u001b]0;x\u0007'),
);

describe('what a field holds', () => {
  it('arrives as it is, alone and among text', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const fields = { 'proc.cmdline': text };
        expect(fill('%proc.cmdline', fields)).toMatchObject({ value: text, secrets: [] });
        expect(fill('<%{proc.cmdline}> %%', fields)).toMatchObject({ value: `<${text}> %`, secrets: [] });
      }),
    );
  });

  it('stays one value of the structure around it', () => {
    const one = compile('%proc.cmdline').template;
    const fixed = compile('kept').template;
    const structure = fillAll([
      ['text', one],
      ['list', fillList([one, fixed])],
      ['__proto__', fixed],
    ]);
    fc.assert(
      fc.property(hostile, (text) => {
        const filled = structure(scopeOf({ 'proc.cmdline': text }), secrets);
        const json = filled.ok ? JSON.stringify(filled.value) : '';
        expect(json).toBe(
          `{"text":${JSON.stringify(text)},"list":[${JSON.stringify(text)},"kept"],"__proto__":"kept"}`,
        );
      }),
    );
  });
});

describe('maskSecrets', () => {
  it.for([
    { text: 'key s3cret.', masked: 'key ***.' },
    { text: 'a"b as JSON: a\\"b', masked: '*** as JSON: ***' },
    { text: 'in a query: a%22b', masked: 'in a query: ***' },
    { text: 'Basic YSJi', masked: 'Basic ***' },
    { text: 'at line 1: -----BEGIN KEY-----, END', masked: 'at line 1: ***, END' },
    { text: 'nothing', masked: 'nothing' },
  ])('$text', ({ text, masked }) => {
    expect(maskSecrets(text, ['s3cret', 'a"b', '', '-----BEGIN KEY-----\r\nab\nEND'])).toBe(masked);
  });

  it('hides the longer of two that overlap', () => {
    expect(maskSecrets('abcdef', ['abc', 'abcdef'])).toBe('***');
  });

  it('leaves no secret behind, and takes none for a pattern', () => {
    fc.assert(
      fc.property(hostile, fc.string({ minLength: 4, maxLength: 40 }), hostile, (before, secret, after) => {
        fc.pre(!'***'.includes(secret) && !secret.includes('*'));
        expect(maskSecrets(before + secret + after, [secret])).not.toContain(secret);
      }),
    );
  });
});
