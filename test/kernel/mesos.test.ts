import { execFile } from 'node:child_process';
import { createServer, type RequestListener } from 'node:http';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Agent, startAgent } from '../support/agent.ts';
import { docker, image } from '../support/docker.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { type HostGroup, makeHostGroup } from '../support/host-group.ts';

const run = promisify(execFile);

const fields = [
  'proc.args container.id container.type container.name mesos.task.id mesos.task.name mesos.task.labels mesos.framework.id',
  'mesos.task.label[team] marathon.app.label[tier]',
  'mesos.framework.name marathon.app.id marathon.app.name marathon.app.labels marathon.group.id marathon.group.name',
]
  .join(' ')
  .split(' ');
const rules = `- rule: marked
  desc: a program that the test started as a task
  condition: evt.type=execve and proc.args startswith "sh -c true mark-"
  output: "%${fields.join(' %')}"
  priority: INFO
`;

const container = 'b3e1d0f2-7a5c-4e0e-9d59-6a8f1c2d3e4f';
const taskId = 'shop_web.083be411-5d1f-11e5-88f7-56b91e7a505b';
const task = {
  id: taskId,
  name: 'web.shop',
  framework_id: 'F-1',
  executor_id: '',
  slave_id: 'F-1-S0',
  state: 'TASK_RUNNING',
  resources: { cpus: 0.1, disk: 0, gpus: 0, mem: 32, ports: '[31292-31292]' },
  role: '*',
  labels: [{ key: 'team', value: 'x' }],
  statuses: [
    {
      state: 'TASK_RUNNING',
      timestamp: 1_795_439_190.5,
      container_status: { container_id: { value: container }, network_infos: [] },
    },
  ],
};
/** As the Mesos agent's /state and Marathon's /v2 are documented. */
const documents: Readonly<Record<string, unknown>> = {
  '/state': {
    version: '1.11.0',
    id: 'F-1-S0',
    hostname: 'n1',
    frameworks: [
      {
        id: 'F-1',
        name: 'marathon',
        role: '*',
        executors: [
          { id: taskId, name: 'Command Executor', source: taskId, container, tasks: [task], queued_tasks: [] },
        ],
        completed_executors: [],
      },
    ],
    completed_frameworks: [],
  },
  '/v2/apps': {
    apps: [{ id: '/shop/web', cmd: 'sleep 60', instances: 1, labels: { tier: 'front' }, tasksRunning: 1 }],
  },
  '/v2/tasks?status=running': {
    tasks: [{ id: taskId, appId: '/shop/web', host: 'n1', slaveId: 'F-1-S0', state: 'TASK_RUNNING', ports: [31_292] }],
  },
};

async function listen(answer: RequestListener) {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it listens on a port');
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${address.port}`, close };
}

let group: HostGroup;
beforeAll(() => {
  group = makeHostGroup(`/mesos/${container}`);
});
afterAll(() => group.remove());

const variables = { MESOS_TASK_ID: taskId, MARATHON_APP_ID: '/shop/web', MESOS_FRAMEWORK_ID: 'F-1' };

/**
 * A task of the Mesos containerizer: an executor in a group of Mesos' own, with the variables that the task is given, and
 * a program of it that is gone at once.
 */
const contained = (mark: string) => {
  const executor = `/bin/busybox sh -c true mark-${mark}; sleep 1`;
  const env = { ...process.env, ...variables };
  return run('/bin/sh', ['-c', `${group.enter}; exec /bin/sh -c '${executor}'`], { env });
};

/** A task that Mesos has Docker run. */
function dockered(mark: string, name: string) {
  const given = Object.entries(variables).flatMap(([key, value]) => ['-e', `${key}=${value}`]);
  return docker(
    'run',
    '--rm',
    '--network',
    'none',
    '--name',
    name,
    ...given,
    image,
    '/bin/busybox',
    'sh',
    '-c',
    'true',
    `mark-${mark}`,
  );
}

async function alertOf(agent: Agent, mark: string) {
  const { output_fields, time, receivedMs } = await agent.alert(
    mark,
    (alert) => alert.output_fields['proc.args'] === `sh -c true mark-${mark}`,
  );
  return { fields: output_fields, delayMs: receivedMs - Date.parse(time) };
}

/** What the variables alone tell. */
const told = {
  'mesos.task.id': taskId,
  'mesos.framework.id': 'F-1',
  'marathon.app.id': '/shop/web',
  'marathon.app.name': 'web',
  'marathon.group.id': '/shop',
  'marathon.group.name': 'shop',
};
const asked = {
  'mesos.task.name': 'web.shop',
  'mesos.task.label[team]': 'x',
  'mesos.task.labels': 'team:x',
  'mesos.framework.name': 'marathon',
  'marathon.app.label[tier]': 'front',
  'marathon.app.labels': 'tier:front',
};
const unknown = Object.fromEntries(Object.keys(asked).map((field) => [field, null]));

describe('a task of Mesos and Marathon', () => {
  test('has what its variables tell at once, though one server is dead and the other silent', async () => {
    const silent = await listen(() => undefined);
    const dead = `http://127.0.0.1:${await freePort()}`;
    const agent = await startAgent(rules, ['--mesos-agent', silent.url, '--marathon', dead]);
    try {
      await contained('alone');
      const own = await alertOf(agent, 'alone');
      expect(own.fields).toMatchObject({ 'container.id': container, 'container.type': 'mesos', ...told, ...unknown });
      expect(own.delayMs).toBeLessThan(450);
      await dockered('alone-docker', 'mesos-lanner-alone');
      const other = await alertOf(agent, 'alone-docker');
      expect(other.fields).toMatchObject({ 'container.type': 'docker', ...told, ...unknown });
      expect(other.delayMs).toBeLessThan(450);
      expect(agent.said()).toContain('Marathon does not answer');
    } finally {
      await agent.close();
      silent.close();
    }
  });

  test('has names and labels from the servers', async () => {
    const server = await listen((request, response) => {
      const document = documents[request.url ?? ''];
      const isJson = request.headers.accept?.includes('application/json') === true;
      response.writeHead(document === undefined ? 404 : 200, {
        'content-type': isJson ? 'application/json' : 'text/plain',
      });
      // Marathon lists tasks as plain text for whoever does not ask for JSON.
      response.end(isJson ? JSON.stringify(document ?? { message: 'not found' }) : 'shop_web\t10019\tn1:31292\n');
    });
    const agent = await startAgent(rules, ['--mesos-agent', server.url, '--marathon', server.url]);
    try {
      // Nothing waits for the servers: a task that runs before they have answered lacks what they would tell.
      let tries = 0;
      await eventually('both servers to have been asked', async () => {
        const mark = `known-${tries++}`;
        await contained(mark);
        const { fields: seen } = await alertOf(agent, mark);
        expect(seen).toMatchObject(told);
        return seen['mesos.task.name'] === 'web.shop' && seen['marathon.app.labels'] !== null ? true : undefined;
      });
      await contained('known');
      expect((await alertOf(agent, 'known')).fields).toMatchObject({ ...told, ...asked });
      await dockered('known-docker', `mesos-${container}`);
      expect((await alertOf(agent, 'known-docker')).fields).toMatchObject({ ...told, ...asked });
    } finally {
      await agent.close();
      server.close();
    }
  });
});
