import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const root = new URL('../..', import.meta.url).pathname;
const books = 'playbooks/cli/golden/tools';
const folder = mkdtempSync(join(tmpdir(), 'lanner-tools-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function lanner(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['lanner.ts', ...args], {
    cwd: root,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

function file(name: string, value: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify(value));
  return path;
}

const failedLogin = {
  time: '2026-01-01T00:00:00Z',
  rule: 'Failed login',
  priority: 'Error',
  output_fields: { 'user.name': 'x\u001b[2J"y', 'fd.rip': '10.0.0.1' },
};

describe('lanner playbooks check', () => {
  it('warns of steps that never get their turn, and of secrets that are nowhere', () => {
    const { status, stdout } = lanner('playbooks', 'check', '--json', books);
    const { ok, errors, warnings } = JSON.parse(stdout);
    expect({ status, ok, errors }).toEqual({ status: 0, ok: true, errors: [] });
    expect(
      warnings.map(({ code, message, line, column }: Record<string, unknown>) => [code, message, line, column]),
    ).toEqual([
      [
        'PLAYBOOK_UNREACHABLE',
        'never never gets its turn: steps.tell.outcome is one of done, failed, refused, gone, timed_out, skipped',
        21,
        9,
      ],
      ['PLAYBOOK_UNREACHABLE', 'kill never gets its turn: trigger.kind is one of sequence', 35, 9],
      ['PLAYBOOK_NO_SECRET', 'there is no secret LANNER_TEST_NOWHERE here', 15, 13],
    ]);
    expect(lanner('playbooks', 'check', '--strict', books).status).toBe(1);
  });

  it('refuses groups, ways and destinations that the configuration file does not have', () => {
    const book = file('ask.yaml', {
      playbook: 'ask',
      on: { rules: ['*'] },
      steps: [
        {
          id: 'kill',
          uses: 'container.kill',
          with: { container: 'c' },
          approve: { via: ['console', 'smoke'], by: ['sco'], within: '10m' },
        },
      ],
    });
    expect(lanner('playbooks', 'check', book).status).toBe(0);
    const config = file('router.yaml', { groups: { soc: ['operator'] } });
    const { status, stderr } = lanner('playbooks', 'check', book, '--config', config);
    expect(status).toBe(1);
    expect(stderr).toContain('playbook ask, step kill: approve.by: there is no group sco; there are: soc');
    expect(stderr).toContain('approve.via: there is neither a way nor a destination smoke');
    expect(lanner('playbooks', 'check', book, '--config', '/nowhere').status).toBe(1);
  });

  it('finds secrets in a folder', () => {
    writeFileSync(join(folder, 'LANNER_TEST_NOWHERE'), 'https://chat.example.com/t0ken\n');
    const { stdout } = lanner('playbooks', 'check', '--secrets', folder, books);
    expect(stdout).not.toContain('PLAYBOOK_NO_SECRET');
    expect(stdout).not.toContain('t0ken');
  });

  it('says the same as SARIF', () => {
    const { stdout } = lanner('playbooks', 'check', '--sarif', books);
    const [run] = JSON.parse(stdout).runs;
    expect(run.tool.driver.name).toBe('lanner playbooks check');
    expect(run.results.map(({ level, ruleId }: Record<string, unknown>) => `${level} ${ruleId}`)).toEqual([
      'warning PLAYBOOK_UNREACHABLE',
      'warning PLAYBOOK_UNREACHABLE',
      'warning PLAYBOOK_NO_SECRET',
    ]);
  });
});

describe('lanner playbooks test', () => {
  it('says of every failed test what differs, and where', async () => {
    const [junit, sarif] = [join(folder, 'junit.xml'), join(folder, 'results.sarif')];
    const { status, stdout, stderr } = lanner('playbooks', 'test', books, '--junit', junit, '--sarif', sarif);
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
    await expect(stdout).toMatchFileSnapshot(`${root}${books}/test.txt`);
    await expect(readFileSync(junit, 'utf8')).toMatchFileSnapshot(`${root}${books}/junit.xml`);
    const [run] = JSON.parse(readFileSync(sarif, 'utf8')).runs;
    expect(run.results).toHaveLength(8);
    expect(run.results[0].locations[0].physicalLocation.artifactLocation.uri).toBe(`${books}/books.test.yaml`);
  });

  it('says the same as JSON', () => {
    const { results, untested } = JSON.parse(lanner('playbooks', 'test', books, '--json').stdout);
    expect(untested).toEqual(['shell-then-net']);
    expect(results.map(({ ok }: { readonly ok: boolean }) => ok)).toEqual([true, true, true, false, false, false]);
    expect(results[3].failures[0]).toEqual({
      message: 'uses of tell: expected "log", found "webhook"',
      line: 33,
      column: 13,
    });
  });

  it('reports a test that is written wrongly with its place, and runs the others', () => {
    const path = join(folder, 'wrong.test.yaml');
    writeFileSync(
      path,
      '- { test: a, playbok: lock-out, alert: { rul: x }, expect: nothing }\n- { test: b, playbook: lock-out, alert: { rule: x, prioritty: Error }, expect: none }\n',
    );
    const { status, stdout, stderr } = lanner('playbooks', 'test', path, '--playbooks', books);
    expect(status).toBe(1);
    expect(stderr).toContain('1:14: error[LOAD_ERR_YAML_VALIDATE]: unknown key playbok; did you mean playbook?');
    expect(stderr).toContain('expect: expected none, a list of steps, or what holds the run back: silence, ');
    expect(stderr).toContain('2:52: error[LOAD_ERR_YAML_VALIDATE]: unknown key prioritty; did you mean priority?');
    expect(stdout).toContain('0 tests, 0 failed');
  });
});

describe('lanner playbooks actions', () => {
  it('prints what the schemas say', async () => {
    const { status, stdout } = lanner('playbooks', 'actions', 'k8s.isolate_pod', 'k8s.drain', 'log');
    expect(status).toBe(0);
    await expect(stdout).toMatchFileSnapshot(join(root, books, 'actions.txt'));
    const all = JSON.parse(lanner('playbooks', 'actions', '--json').stdout);
    expect(all.length).toBeGreaterThan(25);
    expect(all.find(({ name }: { name: string }) => name === 'k8s.cordon')).toMatchObject({
      side: 'router',
      parameters: [{ name: 'node', required: true, kind: 'string' }],
      undo: 'k8s.uncordon',
    });
    expect(lanner('playbooks', 'actions', 'k8s.isolatepod').stderr).toContain('did you mean k8s.isolate_pod?');
  });
});

describe('lanner playbooks explain', () => {
  it('says clause by clause why an alert starts a playbook or not, safe for terminals', async () => {
    const { status, stdout } = lanner(
      'playbooks',
      'explain',
      '--alert',
      file('alert.json', failedLogin),
      '--playbooks',
      books,
    );
    expect(status).toBe(0);
    await expect(stdout).toMatchFileSnapshot(`${root}${books}/explain.txt`);
  });

  it('exits with 1 when none starts, and says so as JSON', () => {
    const path = file('root.json', { ...failedLogin, output_fields: { 'user.name': 'root' } });
    const { status, stdout } = lanner(
      'playbooks',
      'explain',
      'lock-out',
      '--alert',
      path,
      '--playbooks',
      books,
      '--json',
    );
    const [explained] = JSON.parse(stdout);
    expect({ status, starts: explained.starts }).toEqual({ status: 1, starts: 'no' });
    expect(explained.clauses[1]).toMatchObject({
      clause: 'on.condition',
      verdict: 'no',
      condition: {
        kind: 'and',
        holds: false,
        parts: [
          { holds: false, values: [{ field: 'user.name', value: 'root' }] },
          { holds: false, values: [{ field: 'fd.rip' }] },
        ],
      },
    });
  });

  it.for([
    { args: ['explain'], status: 2, said: 'expected --alert FILE' },
    {
      args: ['explain', 'lock-aut', '--alert', 'x', '--playbooks', books],
      status: 1,
      said: 'there is no playbook lock-aut; did you mean lock-out?',
    },
    { args: ['explain', '--alert', '/nowhere'], status: 1, said: 'ENOENT' },
    { args: ['run', 'x', '--alert', 'x'], status: 2, said: 'expected --dry-run' },
    { args: ['resume'], status: 2, said: 'expected the name of one playbook' },
  ])('refuses $args', ({ args, status, said }) => {
    expect(lanner('playbooks', ...args)).toMatchObject({ status, stderr: expect.stringContaining(said) });
  });
});

describe('lanner rules explain', () => {
  const rules = () => {
    const path = join(folder, 'rules.yaml');
    writeFileSync(
      path,
      '- macro: shells\n  condition: proc.name in (sh, bash)\n- rule: Shell\n  desc: d\n  condition: evt.type = execve and shells and not (container.id = host or user.name exists)\n  output: x\n  priority: NOTICE\n',
    );
    return path;
  };

  it('says clause by clause what the event makes of the rule', () => {
    const event = file('event.json', { 'evt.type': 'execve', 'proc.name': 'zsh\u001b[2J', 'container.id': 'abc' });
    expect(lanner('rules', 'explain', 'Shell', '--event', event, '--rules', rules())).toEqual({
      status: 1,
      stderr: '',
      stdout: `"Shell" does not match
  no  all of
    yes evt.type = execve   (evt.type is "execve")
    no  proc.name in (sh, bash)   (proc.name is "zsh\\u001b[2J")
    yes not
      no  any of
        no  container.id = host   (container.id is "abc")
        no  user.name exists   (user.name is not known)
`,
    });
  });

  it('takes a test and an alert for the event, and exits with 0 when the rule matches', () => {
    const fields = { 'evt.type': 'execve', 'proc.name': 'sh', 'container.id': 'abc' };
    for (const value of [[{ test: 't', event: fields, expect: ['Shell'] }], { rule: 'Shell', output_fields: fields }])
      expect(lanner('rules', 'explain', 'Shell', '--event', file('event.json', value), '--rules', rules()).status).toBe(
        0,
      );
  });

  it('names the type of event that the rule is not for', () => {
    const event = file('event.json', { 'evt.type': 'open', 'proc.name': 'sh' });
    const { stdout } = lanner('rules', 'explain', 'Shell', '--event', event, '--rules', rules(), '--json');
    expect(JSON.parse(stdout)).toMatchObject({ matches: false, but: [expect.stringContaining('not for open')] });
  });

  it('refuses rules and fields that there are not', () => {
    const event = file('event.json', { 'proc.nam': 'sh' });
    expect(lanner('rules', 'explain', 'Shel', '--event', event, '--rules', rules()).stderr).toContain(
      'did you mean Shell?',
    );
    const { status, stderr } = lanner('rules', 'explain', 'Shell', '--event', event, '--rules', rules());
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining('did you mean proc.name?') });
  });
});
