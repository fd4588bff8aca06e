import { describe, expect, it } from 'vitest';
import { renderDiagnostic } from '#rules/language/diagnostic';
import { readOutputs } from './outputs.ts';

const read = (text: string) => readOutputs({ path: 'o.yaml', text });

/** The first line of each mistake. */
function mistakes(text: string): readonly string[] {
  const result = read(text);
  return result.ok ? [] : result.errors.map((error) => renderDiagnostic(error).split('\n')[0] ?? '');
}

describe('the file of outputs', () => {
  it('reads every kind, with what goes there, how and how often', () => {
    const result = read(`
- stdout: {}
  format: text
- name: archive
  file: {path: /var/log/alerts.json, rotate_bytes: 1000000, keep: 3}
  priority: notice
  rules: ['Shell *']
  tags: [network]
- syslog: {to: 'tls://[::1]', facility: local3, ca_file: /ca.pem}
  format: '%alert.rule by %proc.name'
- program: {argv: [/bin/cat, -u], keep_running: false}
  rate: {alerts: 10, per: 1m}
- http: {url: 'http://127.0.0.1:2801/', token_file: /token}
`);
    if (!result.ok) throw new Error(mistakes('').join('\n'));
    const [stdout, archive, syslog, program, http] = result.outputs;
    expect(stdout).toMatchObject({ name: 'stdout', format: { kind: 'text' }, to: { kind: 'stdout' } });
    expect(archive).toMatchObject({
      name: 'archive',
      select: { minPriority: 'Notice', rules: ['Shell *'], tags: ['network'] },
      format: { kind: 'json' },
      to: { kind: 'file', path: '/var/log/alerts.json', rotateBytes: 1_000_000, keep: 3 },
    });
    expect(syslog?.to).toMatchObject({
      kind: 'syslog',
      facility: 19,
      appName: 'lanner',
      to: { kind: 'tls', host: '::1', port: 6514, tls: { ca: '/ca.pem' } },
    });
    expect(program).toMatchObject({
      rate: { alerts: 10, perMs: 60_000 },
      to: { kind: 'program', argv: ['/bin/cat', '-u'], keepRunning: false },
    });
    expect(http?.to).toMatchObject({ kind: 'http', tokenFile: '/token' });
  });

  it('says everything that is wrong, and where', () => {
    const text = `- fil: {path: /x}
- file: {path: x}
- stdout: {}
  file: {path: /x}
- syslog: {to: 'udp://host:0'}
- syslog: {facility: local9}
- http: {url: 'http://h/', ca_file: /ca}
- http: {url: 'https://h/', cert_file: /c}
- name: a
  program: {argv: [/bin/cat]}
  format: '%proc.nmae'
- name: b
  http: {url: 'ftp://h/'}
- name: c
  http: {url: 'http://h/'}
  format: text
- name: d
  stdout: {}
  format: plain
- name: d
  stdout: {}
- stdout: {}
  rate: {alerts: 1, per: 1 minute}
  priority: loud
`;
    expect(mistakes(text)).toEqual([
      'o.yaml:1:3: error[LOAD_ERR_YAML_VALIDATE]: unknown key fil; did you mean file?',
      'o.yaml:2:16: error[LOAD_ERR_YAML_VALIDATE]: file.path: expected an absolute path, found x',
      'o.yaml:3:3: error[LOAD_ERR_YAML_VALIDATE]: expected exactly one of stdout, file, syslog, program, http, found stdout and file',
      'o.yaml:5:16: error[LOAD_ERR_YAML_VALIDATE]: expected local, unix:/PATH, udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT',
      expect.stringMatching(
        /^o\.yaml:6:22: error\[LOAD_ERR_YAML_VALIDATE\]: syslog\.facility: expected one of kern, user,/,
      ),
      'o.yaml:7:9: error[LOAD_ERR_YAML_VALIDATE]: certificates are for encrypted connections',
      'o.yaml:8:9: error[LOAD_ERR_YAML_VALIDATE]: cert_file and key_file go together',
      'o.yaml:11:13: error[LOAD_ERR_COMPILE_OUTPUT]: unknown field proc.nmae; did you mean proc.name?',
      'o.yaml:13:15: error[LOAD_ERR_YAML_VALIDATE]: http.url: expected http://HOST/PATH or https://HOST/PATH, found ftp://h/',
      'o.yaml:16:11: error[LOAD_ERR_YAML_VALIDATE]: an HTTP output posts JSON, as Falco does; leave format out',
      'o.yaml:19:11: error[LOAD_ERR_YAML_VALIDATE]: expected json, text, or a text with fields such as %alert.rule and %proc.name',
      expect.stringContaining('o.yaml:24:13: error[LOAD_ERR_YAML_VALIDATE]: priority: expected one of Emergency'),
      expect.stringContaining('o.yaml:23:26: error[LOAD_ERR_YAML_VALIDATE]: rate.per: expected a time such as'),
    ]);
  });

  it('wants a name for the second of a kind', () => {
    expect(mistakes('- stdout: {}\n- stdout: {}\n')).toEqual([
      'o.yaml:2:3: error[LOAD_ERR_YAML_VALIDATE]: two outputs are called stdout; give one a name',
    ]);
  });
});
