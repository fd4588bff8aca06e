import { describe, expect, it } from 'vitest';
import { renderDiagnostic } from '#rules/language/diagnostic';
import { readConfiguration } from './configuration.ts';
import { memoryProfiles } from './memory.ts';

const read = (text: string) => readConfiguration({ path: 'lanner.yaml', text });

describe('the configuration file', () => {
  it('takes what Falco has of rules and outputs', () => {
    const text = `
rules_files: [rules.d, extra.yaml]
playbooks: [playbooks.d]
rule_matching: all
priority: notice
json_output: true
json_include_message_property: true
json_include_tags_property: false
time_format_iso_8601: true
spool_max_bytes: 33554432
memory: small
nss: true
rules:
  - disable: {rule: "*"}
  - enable: {tag: container}
append_output:
  - match: {source: syscall, tags: [shell], rule: Shell}
    extra_output: pod=%k8s.pod.name
    extra_fields:
      - proc.pid
      - who: "%user.name"
    extra_tags: [team-a]
  - suggested_output: true
`;
    expect(read(text)).toEqual({
      ok: true,
      configuration: {
        rulesFiles: ['rules.d', 'extra.yaml'],
        playbooks: ['playbooks.d'],
        matching: 'all',
        minPriority: 'Notice',
        json: true,
        jsonParts: { message: true, output: true, outputFields: true, tags: false },
        isoTimes: true,
        spoolMaxBytes: 33_554_432,
        users: 'nss',
        memory: memoryProfiles.small,
        response: { mostActions: 60, protection: { containers: [], processes: [], pods: [] } },
        selections: [
          { action: 'disable', by: 'rule', pattern: '*' },
          { action: 'enable', by: 'tag', pattern: 'container' },
        ],
        appendOutput: [
          {
            source: 'syscall',
            tags: ['shell'],
            rule: 'Shell',
            text: 'pod=%k8s.pod.name',
            suggested: false,
            extraTags: ['team-a'],
            extraFields: [
              { kind: 'value', field: 'proc.pid' },
              { kind: 'text', name: 'who', template: '%user.name' },
            ],
          },
          { suggested: true, extraTags: [], extraFields: [] },
        ],
      },
    });
  });

  it.for(['', '# nothing\n', '---\n'])('may be empty: %j', (text) => {
    expect(read(text)).toMatchObject({
      ok: true,
      configuration: { selections: [], isoTimes: false, spoolMaxBytes: 268_435_456 },
    });
  });

  it('appends the suggested fields unless it says what to append', () => {
    const appended = (text: string) => {
      const result = read(text);
      return result.ok ? result.configuration.appendOutput : result.errors;
    };
    expect(appended('json_output: true\n')).toEqual([{ suggested: true }]);
    expect(appended('append_output: []\n')).toEqual([]);
  });

  it.for([
    {
      text: 'rule_matchin: all\n',
      says: 'lanner.yaml:1:1: error[LOAD_ERR_YAML_VALIDATE]: unknown key rule_matchin; did you mean rule_matching?',
    },
    {
      text: 'spool_max_bytes: 1000\n',
      says: 'lanner.yaml:1:18: error[LOAD_ERR_YAML_VALIDATE]: spool_max_bytes: expected at least 16777216',
    },
    {
      text: 'priority: loud\n',
      says: 'lanner.yaml:1:11: error[LOAD_ERR_YAML_VALIDATE]: priority: expected one of Emergency',
    },
    {
      text: 'rules:\n  - enable: {rule: a, tag: b}\n',
      says: 'lanner.yaml:2:13: error[LOAD_ERR_YAML_VALIDATE]: rules[0].enable: expected either rule or tag',
    },
    {
      text: 'rules:\n  - {}\n',
      says: 'lanner.yaml:2:5: error[LOAD_ERR_YAML_VALIDATE]: rules[0]: expected either enable or disable',
    },
    { text: 'append_output:\n  - extra_feilds: [x]\n', says: 'did you mean extra_fields?' },
    { text: '- a\n', says: 'lanner.yaml:1:3: error[LOAD_ERR_YAML_VALIDATE]: expected a map' },
    { text: 'a: [\n', says: 'LOAD_ERR_YAML_PARSE' },
    { text: 'json_output: true\n---\njson_output: false\n', says: 'expected one configuration in a file' },
  ])('says what is wrong with $text', ({ text, says }) => {
    const result = read(text);
    expect(result.ok ? [] : result.errors.map(renderDiagnostic).join('\n')).toContain(says);
  });

  it('takes what no response may touch', () => {
    const text = `
response:
  most_actions_per_minute: 5
  protect:
    - container: {name: "db-*", label: keep=yes}
    - process: {exe: /usr/sbin/sshd}
    - pod: {namespace: payments, label: app}
`;
    const found = read(text);
    expect(found.ok && found.configuration.response).toEqual({
      mostActions: 5,
      protection: {
        containers: [{ name: 'db-*', image: undefined, label: { key: 'keep', value: 'yes' } }],
        processes: [{ name: undefined, exe: '/usr/sbin/sshd' }],
        pods: [{ namespace: 'payments', label: { key: 'app', value: '*' } }],
      },
    });
  });

  it.for([
    { entry: '{container: {nmae: db}}', says: 'unknown key nmae; did you mean name?' },
    { entry: '{container: {}}', says: 'expected name, image or label' },
    { entry: '{}', says: 'expected one of container, process and pod' },
  ])('refuses to protect $entry', ({ entry, says }) => {
    const found = read(`response:\n  protect:\n    - ${entry}\n`);
    expect(found.ok ? '' : found.errors.map(renderDiagnostic).join('\n')).toContain(says);
  });
});
