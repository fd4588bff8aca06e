import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import * as z from 'zod';

const root = new URL('../..', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'lanner-tools-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs a command in the folder of the test's rule files, as a user does. */
function lanner(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--no-warnings', join(root, 'lanner.ts'), ...args], {
    cwd: folder,
    encoding: 'utf8',
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
});
