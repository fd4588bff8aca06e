import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Agent, startAgent } from '../support/agent.ts';
import { docker, image, remove } from '../support/docker.ts';
import { eventually } from '../support/eventually.ts';
import { endOf, startShell } from '../support/interactive-shell.ts';
import { buildMark } from '../support/mark.ts';
import { type Figure, percentile, spreadOf } from './bench.ts';
import type { KernelTrace } from './kernel-times.ts';

const warmUps = 3;
const programs = 200;

const playbooks = `
playbook: kill-marked
mode: enforce
on: { condition: container.id != host and proc.name = marked }
steps: [{ id: kill, uses: process.kill, where: kernel }]
---
playbook: contain-at-once
mode: enforce
on: { rules: [Shell] }
steps: [{ id: kill, uses: container.kill, where: node, with: { container: "%container.full_id" } }]
`;
const rules = `
- rule: Shell
  desc: d
  condition: evt.type in (execve, execveat) and container.id != host and proc.name = sh and proc.tty != 0
  output: "%container.id %proc.pid"
  priority: NOTICE
`;

type Around = { readonly folder: string; readonly trace: KernelTrace; readonly report: (figure: Figure) => void };

/**
 * The two distances that need no router, with the agent alone: programs killed in the kernel, of which each would leave a
 * mark with its first instructions, and containers killed by the node.
 */
export async function measureNear(trace: KernelTrace, containers: number, report: (figure: Figure) => void) {
  const folder = mkdtempSync(join(tmpdir(), 'lanner-near-'));
  try {
    writeFileSync(join(folder, 'playbooks.yaml'), playbooks);
    writeFileSync(
      join(folder, 'lanner.yaml'),
      'playbooks: [playbooks.yaml]\nresponse: {most_actions_per_minute: 100000}\n',
    );
    const agent = await startAgent(rules, ['--config', join(folder, 'lanner.yaml'), '--data', join(folder, 'data')]);
    try {
      await measureReflex({ folder, trace, report }, agent);
      await measureNode({ folder, trace, report }, agent, containers);
    } finally {
      await agent.close();
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function measureReflex({ folder, trace, report }: Around, agent: Agent): Promise<void> {
  buildMark(join(folder, 'marked'));
  mkdirSync(join(folder, 'marks'));
  const container = await docker('run', '-d', '--network', 'none', '-v', `${folder}:/mnt`, image, 'sleep', '600');
  try {
    trace.clear();
    const loop = `for i in $(seq ${programs}); do /mnt/marked /mnt/marks/$i; done; true`;
    await docker('exec', container, 'sh', '-c', loop);
    const alerts = await eventually('an alert for each program', () => {
      const found = agent.alerts().filter(({ rule }) => rule === 'Lanner reflex: kill-marked/kill');
      return found.length === programs ? found : undefined;
    });
    const marks = readdirSync(join(folder, 'marks')).length;
    report({
      bench: 'response.reflex.marks',
      value: marks,
      unit: `marks left by ${programs} programs`,
      target: { at: 'most', value: 0 },
    });
    const times = alerts.flatMap(({ output_fields }) => {
      const found = trace.timesOf(Number(output_fields['proc.pid']));
      return found === undefined ? [] : [found.exitMs - found.execMs];
    });
    reportTimes('response.reflex.exit', times, report, {});
  } finally {
    await remove(container);
  }
}

/** As `kill` of the router's distance: from the exec of the shell to the first SIGKILL to it. */
async function measureNode({ trace, report }: Around, agent: Agent, containers: number): Promise<void> {
  const times: number[] = [];
  for (let index = 0; index < warmUps + containers; index += 1) {
    trace.clear();
    const container = await startShell();
    try {
      await eventually('the container to be killed', () => endOf(container), 20_000);
      const alert = await agent.alert('the shell', ({ output_fields }) => {
        const id = output_fields['container.id'];
        return typeof id === 'string' && id !== '' && container.startsWith(id);
      });
      const found = trace.timesOf(Number(alert.output_fields['proc.pid']));
      if (found === undefined) throw new Error(`the kernel's trace does not tell all of ${container}`);
      if (index >= warmUps) times.push(found.killMs - found.execMs);
    } finally {
      await remove(container);
    }
  }
  reportTimes('response.node.kill', times, report, { 0.5: 3, 0.99: 15 });
}

function reportTimes(
  name: string,
  times: readonly number[],
  report: (figure: Figure) => void,
  targets: Readonly<Record<number, number>>,
): void {
  const spread = spreadOf(times);
  for (const share of [0.5, 0.95, 0.99]) {
    const target = targets[share];
    report({
      bench: `${name}.p${share * 100}`,
      value: percentile(times, share),
      unit: 'ms',
      spread,
      ...(target !== undefined && { target: { at: 'most', value: target } }),
    });
  }
}
