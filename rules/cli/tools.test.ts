import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import * as z from 'zod';

const root = new URL('../..', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'lanner-tools-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs a command in the folder of the test's rule files, as a user does. */
function lanner(...args: readonly string[]) {
  return lannerFed('', ...args);
}

function lannerFed(input: string, ...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--no-warnings', join(root, 'lanner.ts'), ...args], {
    cwd: folder,
    encoding: 'utf8',
    input,
  });
  return { status, stdout, stderr };
}

writeFileSync(
  join(folder, 'good.yaml'),
  `- required_engine_version: 0.50.0
- required_plugin_versions:
    - {name: container, version: 0.4.0, alternatives: [{name: other, version: 1.0.0}]}
- list: basic
  items: [sh]
- list: shells
  items: [bash, basic]
- macro: spawned
  condition: (evt.type in (execve, execveat))
- rule: Shell in container
  desc: A shell was started in a container.
  condition: spawned and container.id != host and proc.name in (shells) and not proc.pname = runc
  output: shell=%proc.name parent=%proc.pname up=%tolower(user.name)
  priority: WARNING
  tags: [shell, container]
  exceptions:
    - name: known
      fields: [proc.name, container.image.repository]
      comps: [=, in]
      values:
        - [sh, [nginx, redis]]
- rule: Quiet
  desc: Off.
  condition: evt.type = connect and fd.sport = 22
  output: port=%fd.sport
  priority: DEBUG
  enabled: false
`,
);
writeFileSync(
  join(folder, 'bad.yaml'),
  `- macro: opened
  condition: evt.type = open and fd.nmae = /etc/passwd
- rule: Bad
  desc: d
  condition: opened and proc.name in (shels)
  output: file=%fd.nam
  priority: INFO
- rule: Odd
  desc: d
  condition: evt.type = open and opend
  output: o
  priority: INFO
  enabeld: true
- rule: Loud
  desc: d
  condition: evt.type = open
  output: o
  priority: LOUD
`,
);

describe('the tools for rule files', () => {
  it.for([
    { name: 'check-good.txt', args: ['rules', 'check', 'good.yaml'], status: 0 },
    { name: 'check-bad.txt', args: ['rules', 'check', 'good.yaml', 'bad.yaml'], status: 1 },
    { name: 'check-bad.json', args: ['rules', 'check', '--json', 'bad.yaml'], status: 1 },
    { name: 'check-bad.sarif.json', args: ['rules', 'check', '--sarif', 'bad.yaml'], status: 1 },
    { name: 'list.txt', args: ['rules', 'list', 'good.yaml'], status: 0 },
    { name: 'list.json', args: ['rules', 'list', '--json', 'good.yaml'], status: 0 },
    { name: 'describe.json', args: ['rules', 'describe', '--json', 'good.yaml'], status: 0 },
  ])('print what they always did: $name', async ({ name, args, status }) => {
    const answer = lanner(...args);
    expect({ status: answer.status, stderr: answer.stderr }).toEqual({ status, stderr: '' });
    await expect(answer.stdout).toMatchFileSnapshot(`golden/${name}`);
  });

  it.for([
    { args: ['rules', 'check', '--json', '--sarif', 'good.yaml'], status: 2, says: 'exclude each other' },
    { args: ['rules', 'check', 'nowhere.yaml'], status: 1, says: 'cannot be read' },
    { args: ['rules', 'check', '--jsn'], status: 2, says: "Unknown option '--jsn'" },
    { args: ['rules', 'probe', 'guess'], status: 2, says: 'expected one of parse' },
  ])('end $args with code $status', ({ args, status, says }) => {
    const answer = lanner(...args);
    expect(answer.status).toBe(status);
    expect(answer.stdout + answer.stderr).toContain(says);
  });

  it('list every field as JSON and as Markdown', () => {
    const field = z.looseObject({ name: z.string(), class: z.string(), type: z.string() });
    const fields = z.array(field).parse(JSON.parse(lanner('fields', '--json').stdout));
    expect(fields.length).toBeGreaterThan(250);
    expect(fields.find(({ name }) => name === 'proc.name')).toMatchObject({ class: 'proc', type: 'CHARBUF' });
    const markdown = lanner('fields', '--markdown').stdout;
    for (const { name } of fields) expect(markdown).toContain(name);
  });

  it('name the deprecated field of a warning, as Falco does', () => {
    writeFileSync(
      join(folder, 'old.yaml'),
      '- rule: "a \\"b\\""\n  desc: d\n  condition: evt.type = open and evt.dir = <\n  output: o\n  priority: INFO\n',
    );
    const { stdout } = lanner('rules', 'check', '--json', 'old.yaml');
    expect(JSON.parse(stdout)).toMatchObject({
      falco_load_results: [
        {
          warnings: [
            {
              code: 'LOAD_DEPRECATED_ITEM',
              deprecated_field: 'evt.dir',
              context: { locations: [{}, { item_type: 'rule', item_name: 'a "b"' }, { item_type: 'rule condition' }] },
            },
          ],
        },
      ],
    });
  });

  it('give SARIF that code hosts take, also of a place behind letters beyond 16 bits', () => {
    writeFileSync(
      join(folder, 'emoji.yaml'),
      '- rule: r\n  desc: d\n  condition: proc.name = "🦊🦊" and fd.nmae = "🦊"\n  output: o\n  priority: INFO\n',
    );
    const { stdout } = lanner('rules', 'check', '--sarif', 'bad.yaml', 'emoji.yaml');
    const log = sarif.parse(JSON.parse(stdout));
    const [run] = log.runs;
    expect(run?.results.length).toBeGreaterThan(5);
    for (const { ruleId, ruleIndex } of run?.results ?? []) {
      expect(run?.tool.driver.rules[ruleIndex]?.id).toBe(ruleId);
    }
    const emoji = run?.results.find(
      ({ locations }) => locations[0]?.physicalLocation.artifactLocation.uri === 'emoji.yaml',
    );
    expect(emoji?.locations[0]?.physicalLocation.region).toEqual({ startLine: 3, startColumn: 35, endColumn: 42 });
  });
});

/** What SARIF 2.1.0 requires of the properties that we write, and nothing else. */
const count = z.int().min(1);
const sarif = z.strictObject({
  $schema: z.url(),
  version: z.literal('2.1.0'),
  runs: z.array(
    z.strictObject({
      tool: z.strictObject({
        driver: z.strictObject({
          name: z.string().min(1),
          rules: z.array(
            z.strictObject({ id: z.string(), shortDescription: z.strictObject({ text: z.string().min(1) }) }),
          ),
        }),
      }),
      columnKind: z.enum(['utf16CodeUnits', 'unicodeCodePoints']),
      results: z.array(
        z.strictObject({
          ruleId: z.string(),
          ruleIndex: z.int().min(0),
          level: z.enum(['none', 'note', 'warning', 'error']),
          message: z.strictObject({ text: z.string().min(1) }),
          locations: z.array(
            z.strictObject({
              physicalLocation: z.strictObject({
                artifactLocation: z.strictObject({ uri: z.string().regex(/^[!-~]+$/) }),
                region: z.strictObject({ startLine: count, startColumn: count, endColumn: count }),
              }),
            }),
          ),
        }),
      ),
    }),
  ),
});

describe('rules probe', () => {
  const ask = (what: string, ...questions: readonly unknown[]) => {
    const input = questions.map((one) => (typeof one === 'string' ? one : JSON.stringify(one))).join('\n');
    const { status, stdout } = lannerFed(`${input}\n`, 'rules', 'probe', what);
    return {
      status,
      answers: stdout
        .trimEnd()
        .split('\n')
        .map((line): unknown => JSON.parse(line)),
    };
  };

  it('answers parse in the order asked, with the place of a mistake', () => {
    const { status, answers } = ask(
      'parse',
      { condition: 'a or b' },
      '',
      { condition: 'a and\n  b =' },
      { condition: 'c' },
    );
    expect(status).toBe(0);
    expect(answers).toEqual([
      { ok: true, canonical: '(a or b)' },
      {
        ok: false,
        error: {
          code: 'LOAD_ERR_COMPILE_CONDITION',
          message: expect.stringContaining('unexpected "="'),
          line: 2,
          column: 5,
        },
      },
      { ok: true, canonical: 'c' },
    ]);
  });

  it('answers eval, and says at which stage a mistake is found', () => {
    const types = { 'f.s': 'CHARBUF', 'f.n': 'UINT64' };
    const { answers } = ask(
      'eval',
      { condition: 'f.s = a', fields: { 'f.s': 'a' }, types },
      { condition: 'f.s != a', fields: { 'f.s': null }, types },
      { condition: 'f.n = 18446744073709551615', fields: { 'f.n': '18446744073709551615' }, types },
      { condition: 'f.s =', fields: {}, types },
      { condition: 'f.s exists and f.n = x', fields: {}, types },
    );
    expect(answers).toEqual([
      { match: true },
      { match: false },
      { match: true },
      { match: 'error', error_stage: 'parse', error: expect.objectContaining({ line: 1, column: 6 }) },
      { match: 'error', error_stage: 'compile', error: expect.objectContaining({ line: 1, column: 22 }) },
    ]);
  });

  it('answers load: codes, and the place of the first mistake in its file', () => {
    const good =
      '- list: l\n  items: [a]\n- rule: r\n  desc: d\n  condition: evt.type = open and proc.name in (l)\n  output: o\n  priority: INFO\n';
    const { answers } = ask(
      'load',
      { files: [good], options: { min_priority: 'error' } },
      { files: [good, '- rule: r\n  enabled: maybe\n'] },
    );
    expect(answers).toEqual([
      {
        ok: true,
        errors: [],
        warnings: [],
        per_file: [{ ok: true, errors: [], warnings: [] }],
        rules: [
          {
            name: 'r',
            source: 'syscall',
            priority: 'Informational',
            enabled: true,
            tags: [],
            condition: '(evt.type = open and proc.name in (a))',
            output: 'o',
          },
        ],
        lists: { l: ['a'] },
        num_enabled: 0,
      },
      {
        ok: false,
        errors: ['LOAD_ERR_YAML_VALIDATE'],
        warnings: [],
        per_file: [
          { ok: true, errors: [], warnings: [] },
          { ok: false, errors: ['LOAD_ERR_YAML_VALIDATE'], warnings: [] },
        ],
        error: { code: 'LOAD_ERR_YAML_VALIDATE', message: 'enabled must be true or false', line: 2, column: 12 },
      },
    ]);
  });

  it('answers format, with integers in full', () => {
    const { answers } = ask(
      'format',
      { template: 'x %f.n', fields: { 'f.n': '18446744073709551615' }, types: { 'f.n': 'UINT64' } },
      { template: '%f.m', fields: {}, types: {} },
    );
    expect(answers).toMatchObject([
      { text: 'x 18446744073709551615', complete: true, field_names: ['f.n'], json_complete: true },
      { error: { code: 'LOAD_ERR_COMPILE_OUTPUT', line: 1, column: 2 } },
    ]);
  });

  it('goes on behind a line that is no question, and ends with code 1', () => {
    const { status, answers } = ask('parse', '{', { condition: 1 }, { condition: 'a' });
    expect(status).toBe(1);
    expect(answers).toMatchObject([
      { error: { code: 'BAD_QUESTION', line: 0, column: 0 } },
      { error: { code: 'BAD_QUESTION' } },
      { ok: true },
    ]);
  });
});

describe('rules test', () => {
  writeFileSync(
    join(folder, 'good.test.yaml'),
    `- test: a shell
  event: {evt.type: execve, proc.name: bash, proc.pname: sshd, container.id: 3ad7b26ded6d}
  expect: [Shell in container]
  output: {Shell in container: shell=bash}
- test: runc <starts> one
  event: {evt.type: execve, proc.name: bash, proc.pname: runc, container.id: 3ad7b26ded6d}
  expect: none
`,
  );
  writeFileSync(
    join(folder, 'wrong.test.yaml'),
    '- test: a "wrong" one\n  event: {evt.type: execve, proc.name: bash, container.id: 3ad7b26ded6d}\n  expect: none\n',
  );

  it('sums up, and says which rule no test fires', () => {
    const { status, stdout } = lanner('rules', 'test', '--rules', 'good.yaml', 'good.test.yaml');
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: 'no test fires rule "Quiet"\n2 tests, 0 failed; 1 of 2 rules are fired by a test\n',
    });
  });

  it('ends with code 1 when a test fails, and writes JUnit', () => {
    const { status, stdout } = lanner(
      'rules',
      'test',
      '--rules',
      'good.yaml',
      '--junit',
      'out.xml',
      'good.test.yaml',
      'wrong.test.yaml',
    );
    expect(status).toBe(1);
    expect(stdout).toContain('FAIL a "wrong" one');
    const xml = readFileSync(join(folder, 'out.xml'), 'utf8');
    expect(xml).toContain('tests="3" failures="1"');
    expect(xml).toContain('name="runc &lt;starts&gt; one"/>');
    expect(xml).toContain('name="a &quot;wrong&quot; one"><failure message="');
  });
});
