import { describe, expect, it } from 'vitest';
import type { Alert } from '#rules/alert';
import { locate } from '#rules/language/source';
import { reflexesOf } from './kernel-steps.ts';
import { loadPlaybooks } from './load.ts';
import { matchPlaybooks } from './match.ts';
import { nodeCatalogue } from './node-catalogue.ts';

const load = (text: string) => loadPlaybooks([{ path: 'p.yaml', text }], nodeCatalogue);

/** Where each mistake stands, what is underlined, and what is said. */
const mistakesOf = (text: string) =>
  load(text).errors.map(({ message, source, span }) => {
    const { line, column } = locate(source, span.start);
    return `${line}:${column} ${source.text.slice(span.start, span.end)}: ${message}`;
  });

const kill = 'steps: [{ id: kill, uses: process.kill, where: kernel }]\n';
const withCondition = (condition: string) => `playbook: p\non:\n  condition: ${condition}\n${kill}`;

describe('a step in the kernel', () => {
  it.for([
    'proc.name in (xmrig, minerd) and container.id != host',
    'proc.exepath startswith /tmp/ or not proc.exepath glob "/usr/*"',
    'user.uid > 0 and user.loginuid = -1 and proc.tty = 0',
    'proc.is_exe_upper_layer = true and evt.type in (execve, execveat)',
    'proc.is_exe_from_memfd = true and proc.pname = sh and proc.exe endswith kworker',
  ])('may have the condition %s', (condition) => {
    expect(mistakesOf(withCondition(`'${condition}'`))).toEqual([]);
    expect(reflexesOf(load(withCondition(`'${condition}'`)).playbooks)).toHaveLength(1);
  });

  it.for([
    [
      'proc.cmdline contains stratum',
      'proc.cmdline contains stratum',
      'does not know proc.cmdline when a program starts',
    ],
    ['proc.name = a and user.name = root', 'user.name = root', 'does not know user.name'],
    ['proc.name = a or proc.name icontains MINER', 'proc.name icontains MINER', 'it has no icontains'],
    ['container.id = 0123456789ab', 'container.id = 0123456789ab', 'not one container from another'],
    ['proc.name = a and alert.rule = b', 'alert.rule = b', 'does not know alert.rule'],
    ['proc.name = val(proc.pname)', 'proc.name = val(proc.pname)', 'not with other fields'],
    ['toupper(proc.name) = A', 'toupper(proc.name) = A', 'without transformers'],
    ['proc.exepath glob /a*b*c', 'proc.exepath glob /a*b*c', 'patterns with one *'],
    ['proc.aname[2] = sh', 'proc.aname[2] = sh', 'does not know proc.aname'],
    ['proc.name exists', 'proc.name exists', 'leave the clause out'],
    [`proc.exepath = /${'x'.repeat(64)}`, `proc.exepath = /${'x'.repeat(64)}`, 'at most 64 bytes'],
  ] as const)('has the clause named that the kernel cannot evaluate: %s', ([condition, clause, said]) => {
    const [first = '', ...others] = mistakesOf(withCondition(condition));
    expect(others).toEqual([]);
    const column = 14 + condition.indexOf(clause);
    expect(first.startsWith(`3:${column} ${clause}: not in the kernel: `), first).toBe(true);
    expect(first).toContain(said);
  });

  it.for([
    ['rules', `playbook: p\non: { rules: [r], condition: proc.name = a }\n${kill}`, '2:7 rules: a playbook with'],
    [
      'no condition',
      `playbook: p\non: { tags: [r] }\n${kill}`,
      '2:5 { tags: [r] }: a playbook with a step in the kernel needs',
    ],
    [
      'limits',
      `playbook: p\non: { condition: proc.name = a }\nlimits: { runs: 1, per: 1h }\n${kill}`,
      '3:1 limits: limits cannot',
    ],
    [
      'a step before it',
      'playbook: p\non: { condition: proc.name = a }\nsteps: [{ id: b, uses: log }, { id: k, uses: process.kill, where: kernel }]\n',
      'comes before all others',
    ],
    [
      'more than the process',
      'playbook: p\non: { condition: proc.name = a }\nsteps: [{ id: k, uses: process.kill, where: kernel, with: { scope: tree } }]\n',
      'tree: the kernel kills the process that is started, nothing else',
    ],
    [
      'a wish that is no yes or no',
      'playbook: p\non: { condition: proc.name = a }\nsteps: [{ id: k, uses: process.kill, where: kernel, with: { deny: "%proc.name" } }]\n',
      'expected true or false',
    ],
    [
      'denying elsewhere',
      'playbook: p\non: { rules: [r] }\nsteps: [{ id: k, uses: process.kill, with: { deny: true } }]\n',
      'true: only the kernel denies: where: kernel is missing',
    ],
    [
      'a retry',
      'playbook: p\non: { condition: proc.name = a }\nsteps: [{ id: k, uses: process.kill, where: kernel, retry: {} }]\n',
      'retry: a step in the kernel has no retry',
    ],
    [
      'finally',
      'playbook: p\non: { condition: proc.name = a }\nsteps: [{ id: b, uses: log }]\nfinally: [{ id: k, uses: process.kill, where: kernel }]\n',
      'kernel: a step in the kernel stands directly under steps',
    ],
    [
      'its own clause',
      'playbook: p\non: { condition: proc.name = a }\nsteps: [{ id: k, uses: process.kill, where: kernel, if: proc.cwd = /tmp }]\n',
      '3:57 proc.cwd = /tmp: not in the kernel: ',
    ],
  ] as const)('is refused with %s', ([, text, said]) => {
    expect(mistakesOf(text).join('\n')).toContain(said);
  });

  it('denies where it is told to', () => {
    const denying = `playbook: p\non: { condition: proc.name = a }\nsteps: [{ id: k, uses: process.kill, where: kernel, with: { deny: true } }]\n`;
    expect(reflexesOf(load(denying).playbooks).map(({ isDenying }) => isDenying)).toEqual([true]);
    expect(reflexesOf(load(withCondition('proc.name = a')).playbooks).map(({ isDenying }) => isDenying)).toEqual([
      false,
    ]);
  });

  it('starts the rest of its playbook by the alert about it, and by no other', () => {
    const { playbooks } = load(withCondition('proc.name = xmrig'));
    const alert: Alert = {
      time: '2026-11-28T08:00:00Z',
      rule: 'Lanner reflex: p/kill',
      priority: 'Critical',
      source: 'syscall',
      hostname: '',
      output: '',
      output_fields: { 'proc.name': 'xmrig' },
      tags: [],
      lanner: {
        version: 1,
        id: '0195d0b5-7c00-7000-8000-000000000001',
        node: 'a',
        reflex: { verdict: 'killed', steps: ['p/kill'] },
      },
    };
    const names = (one: Alert) => matchPlaybooks(playbooks, one, 'id').map(({ name }) => name);
    expect(names(alert)).toEqual(['p']);
    expect(names({ ...alert, rule: 'Miner' })).toEqual([]);
    expect(names({ ...alert, lanner: undefined })).toEqual([]);
  });
});
