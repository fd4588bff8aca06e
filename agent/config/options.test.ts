import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UsageError } from '#rules/cli/command-line';
import { readAgentOptions } from './options.ts';

const read = (...args: string[]) => readAgentOptions(args, { isTerminal: false, hostnameOverride: undefined });

describe('options of the agent', () => {
  it('has defaults for everything', () => {
    expect(read()).toMatchObject({ rulePaths: [], matching: 'first', output: 'text', router: undefined });
  });

  it('takes several paths after --rules, in their order', () => {
    expect(read('--rules', 'a', 'b', '--json', '--rules', 'c').rulePaths).toEqual(['a', 'b', 'c']);
  });

  it('finds the token beside the data', () => {
    const { router, dataFolder } = read('--router', 'http://127.0.0.1:7470', '--data', '/tmp/x');
    expect(dataFolder).toBe('/tmp/x');
    expect(router).toEqual({ url: new URL('http://127.0.0.1:7470'), tokenFile: '/tmp/x/token' });
  });

  it('takes sockets of container engines', () => {
    const { engines } = read('--engine', 'containerd=/a/b.sock', '--engine', 'cri-o=/c');
    expect(engines).toEqual([
      { name: 'containerd', path: '/a/b.sock' },
      { name: 'cri-o', path: '/c' },
    ]);
  });

  it('takes from the configuration file what the command line does not say', () => {
    const folder = mkdtempSync(join(tmpdir(), 'lanner-options-'));
    try {
      const file = join(folder, 'lanner.yaml');
      writeFileSync(file, 'rules_files: [rules.d]\nrule_matching: all\nrules:\n  - disable: {rule: "Shell*"}\n');
      expect(read('--config', file)).toMatchObject({ rulePaths: [join(folder, 'rules.d')], matching: 'all' });
      const both = read('--config', file, '--rules', 'a', '--matching', 'first', '--profile', 'strict');
      expect(both).toMatchObject({ rulePaths: ['a'], matching: 'first' });
      expect(both.selections).toEqual([
        { action: 'enable', by: 'tag', pattern: 'strict' },
        { action: 'disable', by: 'rule', pattern: 'Shell*' },
      ]);
      writeFileSync(file, 'rule_matching: some\n');
      expect(() => read('--config', file)).toThrow(`${file}:1:16: error[LOAD_ERR_YAML_VALIDATE]: rule_matching`);
    } finally {
      rmSync(folder, { recursive: true });
    }
    expect(() => read('--config', '/nowhere.yaml')).toThrow('/nowhere.yaml cannot be read');
  });

  it('colours alerts only on a terminal', () => {
    const terminal = { isTerminal: true, hostnameOverride: 'other' };
    expect(readAgentOptions([], terminal)).toMatchObject({ output: 'colour', hostname: 'other' });
    expect(readAgentOptions(['--json'], terminal).output).toBe('json');
  });

  it.for([
    { args: ['--router', 'nonsense'], message: '--router: expected http://HOST:PORT or https://HOST:PORT' },
    { args: ['--router', 'ftp://host'], message: '--router: expected http://HOST:PORT or https://HOST:PORT' },
    { args: ['--profile', 'loud'], message: '--profile: expected default, strict or all' },
    { args: ['--matching', 'some'], message: '--matching: expected first or all' },
    { args: ['--node', 'a b'], message: '--node: expected a name of letters, digits, dots, dashes and underscores' },
    {
      args: ['--engine', 'rkt=/x'],
      message: '--engine: expected docker, podman, containerd or cri-o, then = and an absolute path',
    },
    { args: ['--kubeconfig', '/absent'], message: '--kubeconfig: /absent: cannot be read' },
    { args: ['--marathon', 'x'], message: '--marathon: expected http://HOST:PORT or https://HOST:PORT' },
    { args: ['stray'], message: 'unexpected argument "stray"; rule files follow --rules, playbooks --playbooks' },
  ])('refuses $args', ({ args, message }) => {
    expect(() => read(...args)).toThrow(new UsageError(message));
  });

  it('refuses an option that it does not know', () => expect(() => read('--ruels', 'a')).toThrow(UsageError));
});
