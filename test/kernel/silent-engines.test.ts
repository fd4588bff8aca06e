import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, createServer as createSocket, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Agent, startAgent } from '../support/agent.ts';
import { type Containerd, startContainerd } from '../support/containerd.ts';
import { eventually } from '../support/eventually.ts';

const rules = `- rule: started
  desc: the program of a container
  condition: evt.type=execve and proc.args startswith "sh -c true mark-"
  output: "%proc.args %container.id %container.name %container.image.tag"
  priority: INFO
`;

const folder = mkdtempSync(join(tmpdir(), 'lanner-silent-'));
let containerd: Containerd;
beforeAll(async () => {
  writeFileSync(join(folder, 'token'), 'secret');
  containerd = await startContainerd();
}, 120_000);
afterAll(async () => {
  await containerd?.close();
  rmSync(folder, { recursive: true });
});

/** Takes alerts as a router does, and keeps what it was sent. */
async function startReceiver() {
  const taken: { readonly output: string; readonly lanner?: { readonly enrichment?: string } }[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    request.on('end', () => {
      for (const line of text.split('\n')) if (line !== '') taken.push(JSON.parse(line));
      response.writeHead(202).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it listens on a port');
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${address.port}`, taken, close };
}

/** Something at a socket where an engine is looked for; `heal` puts the real engine behind it. */
type Engine = { heal(): Promise<void>; close(): void };

/** Takes connections and says nothing. */
async function startSilent(path: string): Promise<Engine> {
  const taken: Socket[] = [];
  let take = (socket: Socket): void => void taken.push(socket.on('error', () => undefined));
  const server = createSocket((socket) => take(socket));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    async heal() {
      take = (socket) => {
        const upstream = connect(containerd.socket);
        for (const [from, to] of [
          [socket, upstream],
          [upstream, socket],
        ] as const) {
          from.on('error', () => to.destroy()).pipe(to);
        }
      };
      for (const socket of taken.splice(0)) take(socket);
    },
    close: () => void server.close(),
  };
}

/** The socket of an engine that was killed: nobody listens. */
async function leaveDead(path: string): Promise<Engine> {
  const listen = `require('net').createServer().listen(${JSON.stringify(path)})`;
  const killed = spawn(process.execPath, ['-e', listen], { stdio: 'ignore' });
  await eventually('its socket', () => existsSync(path) || undefined);
  killed.kill('SIGKILL');
  await once(killed, 'exit');
  let healed: Engine | undefined;
  return {
    async heal() {
      rmSync(path);
      healed = await startSilent(path);
      await healed.heal();
    },
    close: () => healed?.close(),
  };
}

const told = (agent: Agent, what: string) =>
  agent.alert(what, ({ rule, output }) => rule === 'Lanner internal: container engine' && output.includes(what));

test.for([
  { name: 'never answers', begin: startSilent, atLeastMs: 250 },
  { name: 'is dead', begin: leaveDead, atLeastMs: 0 },
])(
  'an engine that $name costs an alert half a second at most and what only it knows, and is told of',
  async ({ begin, atLeastMs }) => {
    // Only this socket is asked, and the files of the containerd that really runs it are not beside it.
    const path = join(folder, `${atLeastMs}.sock`);
    const engine = await begin(path);
    const receiver = await startReceiver();
    const router = ['--router', receiver.url, '--token-file', join(folder, 'token')];
    const agent = await startAgent(rules, ['--engine', `containerd=${path}`, ...router]);
    const alertOf = (mark: string) =>
      agent.alert(mark, ({ output_fields: fields }) => fields['proc.args'] === `sh -c true mark-${mark}`);
    try {
      const uid = `0a1b2c3d-1111-4222-8333-44445555a${String(atLeastMs).padStart(3, '0')}`;
      const pod = await containerd.pod({ name: `silent-${atLeastMs}`, namespace: 'shop', uid, network: 'host' });
      const run = (mark: string) =>
        pod.run({ name: mark, command: ['/bin/busybox', 'sh', '-c', 'true', `mark-${mark}`] });
      const id = await run('first');
      const { time, receivedMs, output_fields: fields } = await alertOf('first');
      expect(fields).toMatchObject({
        'container.id': id.slice(0, 12),
        'container.name': null,
        'container.image.tag': null,
      });
      const delayMs = receivedMs - Date.parse(time);
      expect(delayMs).toBeGreaterThanOrEqual(atLeastMs);
      expect(delayMs).toBeLessThan(1_500);
      const sent = await eventually('the router to have it', () =>
        receiver.taken.find(({ output }) => output.includes('mark-first')),
      );
      expect(sent.lanner?.enrichment).toBe('pending');

      await run('second');
      await alertOf('second');
      expect(await told(agent, 'does not answer')).toMatchObject({
        priority: 'Warning',
        output_fields: { engine: 'containerd', socket: path },
      });

      await engine.heal();
      let tries = 0;
      const named = await eventually('its answers', async () => {
        const mark = `healed-${tries++}`;
        await run(mark);
        return (await alertOf(mark)).output_fields['container.name'] === mark ? mark : undefined;
      });
      expect((await alertOf(named)).output_fields).toMatchObject({ 'container.image.tag': '1' });
      await told(agent, 'answers again');
      const last = await eventually('the router to have it', () =>
        receiver.taken.find(({ output }) => output.includes(`mark-${named} `)),
      );
      expect(last.lanner).not.toHaveProperty('enrichment');
    } finally {
      await agent.close();
      receiver.close();
      engine.close();
    }
  },
);
