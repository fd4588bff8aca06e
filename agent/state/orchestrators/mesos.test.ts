import { createServer } from 'node:http';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openMesos } from './mesos.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

const container = 'b3e1d0f2-7a5c-4e0e-9d59-6a8f1c2d3e4f';
const task = {
  id: 'shop_web.1234',
  name: 'web.shop',
  framework_id: 'F-1',
  executor_id: '',
  labels: [{ key: 'team', value: 'x' }],
  state: 'TASK_RUNNING',
  statuses: [{ state: 'TASK_RUNNING', container_status: { container_id: { value: container } } }],
};
const second = { ...task, id: 'shop_web.5678', statuses: [] };
/** In the form of the documented endpoints, with the parts that are not read left out. */
const documents: Record<string, unknown> = {
  '/state': {
    version: '1.11.0',
    frameworks: [
      { id: 'F-1', name: 'marathon', executors: [{ id: 'e1', container: 'c-1', tasks: [task], queued_tasks: [] }] },
      {
        id: 'F-2',
        name: 'chronos',
        executors: [{ id: 'e2', container: 'c-2', tasks: [second, { ...second, id: 'other' }] }],
      },
    ],
  },
  '/v2/apps': { apps: [{ id: '/shop/web', labels: { tier: 'front' }, instances: 1 }] },
  '/v2/tasks?status=running': {
    tasks: [{ id: 'shop_web.1234', appId: '/shop/web', host: 'n1', state: 'TASK_RUNNING' }],
  },
};

/** One server for both, as none of their paths is the other's. */
async function start(change: (path: string) => unknown = (path) => documents[path]) {
  const world = { change, asked: 0, nowMs: 0 };
  const server = createServer((request, response) => {
    world.asked++;
    const body = world.change(request.url ?? '');
    if (body === 'silence') return;
    response
      .writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json' })
      .end(JSON.stringify(body ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it listens on a port');
  const api = { url: new URL(`http://127.0.0.1:${address.port}`) };
  const said: string[] = [];
  const mesos = openMesos({
    agent: api,
    marathon: api,
    log: (_, message) => said.push(message),
    nowMs: () => world.nowMs,
    everyMs: 1_000_000,
  });
  closers.push(() => {
    mesos.close();
    server.closeAllConnections();
    server.close();
  });
  return { mesos, said, world };
}

describe('tasks of Mesos and applications of Marathon', () => {
  it('knows a task by its id and by its container', async () => {
    const { mesos } = await start();
    const known = {
      id: 'shop_web.1234',
      name: 'web.shop',
      labels: new Map([['team', 'x']]),
      frameworkName: 'marathon',
      frameworkId: 'F-1',
    };
    await vi.waitFor(() => expect(mesos.task('shop_web.1234')).toEqual(known));
    expect(mesos.taskOfContainer(container)).toEqual(known);
    expect(mesos.taskOfContainer('c-1')).toEqual(known);
    // An executor with two tasks: which of them, its container does not say.
    expect(mesos.taskOfContainer('c-2')).toBeUndefined();
    await vi.waitFor(() =>
      expect(mesos.appOfTask('shop_web.1234')).toEqual({ id: '/shop/web', labels: new Map([['tier', 'front']]) }),
    );
    expect(mesos.app('/shop/web')?.id).toBe('/shop/web');
  });

  it('asks anew for a task that it does not know, at most once a second', async () => {
    const { mesos, world } = await start();
    await vi.waitFor(() => expect(mesos.appOfTask('shop_web.1234')).toBeDefined());
    const before = world.asked;
    world.change = (path) =>
      path === '/state' ? { frameworks: [{ id: 'F', executors: [{ tasks: [{ id: 'new' }] }] }] } : documents[path];
    expect(mesos.task('new')).toBeUndefined();
    world.nowMs = 1_000;
    for (let times = 0; times < 50; times++) mesos.task('new');
    await vi.waitFor(() => expect(mesos.task('new')?.id).toBe('new'));
    expect(world.asked - before).toBeLessThanOrEqual(3);
  });

  it('says once who does not answer, and that it does again', async () => {
    const { mesos, said, world } = await start(() => undefined);
    await vi.waitFor(() => expect(said).toHaveLength(2));
    expect(said).toContain('the Mesos agent does not answer');
    expect(said).toContain('Marathon does not answer');
    world.change = (path) => documents[path];
    world.nowMs = 5_000;
    expect(mesos.task('shop_web.1234')).toBeUndefined();
    await vi.waitFor(() => expect(said.slice(2)).toEqual(expect.arrayContaining(['Marathon answers again'])));
  });

  it.for([
    { body: [] },
    { body: { frameworks: 1 } },
    { body: { frameworks: [{ executors: [null, { tasks: [5] }] }] } },
  ])('knows nothing from $body', async ({ body }) => {
    const { mesos, world } = await start(() => body);
    await vi.waitFor(() => expect(world.asked).toBeGreaterThan(2));
    expect(mesos.task('x')).toBeUndefined();
    expect(mesos.app('x')).toBeUndefined();
  });

  it('is not held up by a server that is silent', async () => {
    const { mesos, world } = await start(() => 'silence');
    await vi.waitFor(() => expect(world.asked).toBe(2));
    expect(mesos.task('x')).toBeUndefined();
    mesos.close();
  });
});
