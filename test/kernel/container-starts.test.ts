import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Agent, startAgent } from '../support/agent.ts';
import { type Containerd, startContainerd } from '../support/containerd.ts';
import { runBriefly } from '../support/docker.ts';
import { eventually } from '../support/eventually.ts';

const starts = 500;

const rules = `- rule: started
  desc: the program of a container, and one of the host to compare with
  condition: >
    evt.type=execve and proc.args startswith "sh -c true mark-"
  output: "%proc.args %container.id %container.name %container.type %container.image.repository %container.image.tag
    %container.image.id %container.privileged %container.mounts %k8s.pod.name %k8s.pod.labels"
  priority: INFO
`;

let containerd: Containerd;
beforeAll(async () => {
  containerd = await startContainerd();
}, 120_000);
afterAll(() => containerd?.close());

/** Milliseconds below which the given part of the values lies. */
const quantile = (values: readonly number[], part: number): number =>
  values.toSorted((a, b) => a - b)[Math.ceil(values.length * part) - 1] ?? Number.NaN;

const run = promisify(execFile);
type Alert = ReturnType<Agent['alerts']>[number];

type Case = {
  readonly engine: string;
  readonly prepare: () => Promise<(mark: string) => Promise<unknown>>;
  readonly expected: Readonly<Record<string, unknown>>;
};

const cases: readonly Case[] = [
  {
    engine: 'docker',
    prepare: async () => (mark) =>
      runBriefly({ name: mark, binds: ['/usr:/host:ro'], command: ['/bin/busybox', 'sh', '-c', 'true', mark] }),
    expected: { 'container.type': 'docker', 'container.mounts': '/usr:/host:ro:false:rprivate' },
  },
  {
    engine: 'containerd',
    prepare: async () => {
      const uid = '0a1b2c3d-1111-4222-8333-444455559999';
      const pod = await containerd.pod({
        name: 'starts',
        namespace: 'shop',
        uid,
        labels: { app: 'web' },
        network: 'host',
      });
      // As kubelet does, ended containers are left for a while.
      const ended: string[] = [];
      return async (mark) => {
        ended.push(await pod.run({ name: mark, command: ['/bin/busybox', 'sh', '-c', 'true', mark] }));
        const oldest = ended.length > 20 ? ended.shift() : undefined;
        if (oldest !== undefined) await pod.removeEnded(oldest);
      };
    },
    expected: { 'container.type': 'containerd', 'k8s.pod.name': 'starts', 'k8s.pod.labels': 'app:web' },
  },
];

test.for(cases)(
  `each of ${starts} starts on $engine raises one alert with all that is known of it`,
  { timeout: 300_000 },
  async ({ engine, prepare, expected }) => {
    const start = await prepare();
    const agent = await startAgent(rules, ['--engine', `containerd=${containerd.socket}`]);
    try {
      const marks = Array.from({ length: starts }, (_, index) => `mark-${index}`);
      const rest = marks.values();
      // Two at a time, as a busy node does.
      await Promise.all(
        [0, 1].map(async () => {
          for (const mark of rest) {
            await start(mark);
            await run('/bin/busybox', ['sh', '-c', 'true', `mark-host-${mark}`]);
          }
        }),
      );
      await agent.alert(
        'the last start',
        (alert) => alert.output_fields['proc.args'] === `sh -c true mark-${starts - 1}`,
      );
      const isHost = (alert: Alert) => String(alert.output_fields['proc.args']).includes('mark-host-');
      const raised = () => agent.alerts().filter((alert) => alert.rule === 'started' && !isHost(alert));
      await eventually('an alert for each start', () => raised().length >= starts || undefined).catch(() => undefined);
      const args = raised().map(({ output_fields }) => output_fields['proc.args']);
      expect(args.toSorted()).toEqual(marks.map((mark) => `sh -c true ${mark}`).toSorted());
      const known = {
        'container.id': expect.stringMatching(/^[0-9a-f]{12}$/),
        'container.image.repository': expect.stringMatching(/lanner-busybox$/),
        'container.image.tag': '1',
        'container.image.id': expect.stringMatching(/^[0-9a-f]{64}$/),
        'container.privileged': false,
        ...expected,
      };
      for (const { output_fields: fields, time, receivedMs } of raised()) {
        const mark = String(fields['proc.args']).slice('sh -c true '.length);
        const late = `${mark}, ${receivedMs - Date.parse(time)} ms after the event`;
        expect(fields, late).toMatchObject({ ...known, 'container.name': mark });
      }
      const figures = (alerts: readonly Alert[]) => {
        const delays = alerts.map(({ time, receivedMs }) => receivedMs - Date.parse(time));
        return `p50 ${quantile(delays, 0.5)} ms, p99 ${quantile(delays, 0.99)} ms`;
      };
      process.stdout.write(
        `${engine}: ${starts} of ${starts} starts complete; event to alert ${figures(raised())}, on the host ${figures(agent.alerts().filter(isHost))}\n`,
      );
      // What the agent says of itself, such as a loss that another program's events suffered.
      for (const { rule, output } of agent.alerts()) if (rule !== 'started') process.stdout.write(`${output}\n`);
    } finally {
      await agent.close();
    }
  },
);
