import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { alertSchema } from '#rules/alert';
import { loadPlaybooks } from './load.ts';
import { matchPlaybooks } from './match.ts';
import type { ActionSpec } from './playbook.ts';

const act: ActionSpec = { name: 'act', side: 'router', doc: '', params: z.strictObject({}), idempotent: true };
const full = 'b'.repeat(64);
const alert = alertSchema.parse({
  time: '2026-01-01T00:00:00.000000001Z',
  rule: 'Shell in container',
  priority: 'Warning',
  output: 'a shell',
  tags: ['container', 'shell'],
  output_fields: {
    'proc.name': 'bash',
    'proc.pid': 42,
    'container.id': full.slice(0, 12),
    'fd.sip': '10.1.2.3',
    'proc.is_exe_writable': true,
    'user.name': null,
  },
  lanner: {
    version: 1,
    id: '0190a0a0-0000-7000-8000-000000000000',
    node: 'one',
    container: { id: full },
    process: { pid: 42, start_ns: '1' },
  },
});

function isTriggered(on: string): boolean {
  const text = `playbook: p\non:\n${on.replace(/^/gm, '  ')}\nsteps: [{ id: a, uses: act }]\n`;
  const { playbooks, errors } = loadPlaybooks([{ path: 'p.yaml', text }], new Map([['act', act]]));
  expect(errors).toEqual([]);
  return matchPlaybooks(playbooks, alert, 'an-id').length === 1;
}

describe('matchPlaybooks', () => {
  it.for([
    { on: 'rules: [Other, Shell in container]', fires: true },
    { on: 'rules: [shell in container]', fires: false },
    { on: 'rules: ["*in container"]', fires: true },
    { on: 'tags: [other, shell]', fires: true },
    { on: 'tags: [she]', fires: false },
    { on: 'priority: notice', fires: true },
    { on: 'priority: WARNING', fires: true },
    { on: 'priority: error', fires: false },
    { on: 'source: syscall', fires: true },
    { on: 'source: k8s_audit', fires: false },
    { on: 'condition: proc.name in (bash, sh) and container.id != host', fires: true },
    { on: 'condition: proc.name = sh', fires: false },
    { on: 'condition: proc.pid > 41 and proc.pid < 43', fires: true },
    { on: 'condition: proc.is_exe_writable = true', fires: true },
    { on: 'condition: fd.sip = 10.1.2.3', fires: true },
    { on: 'condition: user.name exists', fires: false },
    { on: 'condition: user.name != root', fires: false },
    { on: 'condition: k8s.pod.name = x', fires: false },
    { on: `condition: container.full_id = ${full}`, fires: true },
    { on: 'condition: alert.rule startswith Shell and alert.priority = Warning', fires: true },
    { on: 'condition: alert.tags intersects (shell, x)', fires: true },
    { on: 'condition: alert.id = an-id and alert.node = one', fires: true },
    { on: 'tags: [shell]\npriority: error', fires: false },
    { on: 'rules: ["*"]\ncondition: not proc.name = sh', fires: true },
  ])('$on: $fires', ({ on, fires }) => {
    expect(isTriggered(on)).toBe(fires);
  });
});
