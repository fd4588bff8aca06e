import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { type Agent, startAgent } from '../support/agent.ts';

const folder = mkdtempSync(join(tmpdir(), 'lanner-configured-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const condition = `evt.type = execve and proc.args contains "${folder}"`;
const rules = `
- {rule: First, desc: d, condition: '${condition}', output: "name=%proc.name", priority: NOTICE, tags: [exec]}
- {rule: Second, desc: d, condition: '${condition}', output: "second at %evt.time in %container.id", priority: WARNING, tags: [exec]}
- {rule: Off, desc: d, condition: '${condition}', output: o, priority: ERROR, enabled: false}
- {rule: Noisy, desc: d, condition: '${condition}', output: o, priority: ERROR, tags: [noise]}
- {rule: Mild, desc: d, condition: '${condition}', output: o, priority: INFO}
`;

/** The alerts of one exec, by rule, with this configuration. */
async function alertsOf(configuration: string) {
  const file = join(folder, 'lanner.yaml');
  writeFileSync(file, configuration);
  const agent: Agent = await startAgent(rules, ['--config', file]);
  try {
    await promisify(execFile)('/bin/ls', [folder]);
    await agent.alert('of the exec', ({ rule }) => rule === 'Second');
  } finally {
    await agent.close();
  }
  return new Map(agent.alerts().map((alert) => [alert.rule, alert]));
}

describe('lanner agent --config', () => {
  it('selects rules and adds to alerts', async () => {
    const alerts = await alertsOf(`
rule_matching: all
priority: notice
time_format_iso_8601: true
rules:
  - disable: {tag: noise}
  - enable: {rule: "O*"}
append_output:
  - match: {rule: First}
    extra_output: pid=%proc.pid
    extra_fields: [proc.ppid, {who: "%user.name at %evt.type"}]
    extra_tags: [team-a]
`);
    expect([...alerts.keys()].sort()).toEqual(['First', 'Off', 'Second']);
    const first = alerts.get('First');
    expect(first?.output).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}\+0000: Notice name=ls pid=\d+$/);
    expect(first?.tags).toEqual(['exec', 'team-a']);
    expect(Object.keys(first?.output_fields ?? {})).toEqual([
      'evt.time.iso8601',
      'proc.name',
      'proc.pid',
      'proc.ppid',
      'who',
    ]);
    expect(first?.output_fields).toMatchObject({ 'proc.name': 'ls', 'proc.ppid': process.pid, who: 'root at execve' });
    expect(alerts.get('Second')?.tags).toEqual(['exec']);
  });

  it('names the container unless it says what to append', async () => {
    const [, second] = [...(await alertsOf('rule_matching: all\n'))].find(([rule]) => rule === 'Second') ?? [];
    expect(second?.output).toMatch(
      /: Warning second at \d\d:\d\d:\d\d\.\d{9} in host container_name=host container_image_repository=<NA> container_image_tag=<NA> k8s_pod_name=<NA> k8s_ns_name=<NA>$/,
    );
    expect(second?.output_fields).toMatchObject({
      'container.id': 'host',
      'container.name': 'host',
      'k8s.pod.name': null,
    });
  });
});
