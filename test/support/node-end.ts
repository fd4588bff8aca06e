import { once } from 'node:events';
import { WebSocket } from 'ws';
import { fromRouterSchema, type NodeCommand, type Outcome, type Stop } from '../../playbooks/command.ts';
import type { Place } from './router.ts';

/** A node's end of the channel, in the hands of a test: it says and hears exactly what the test wants. */
export type NodeEnd = {
  /** Commands so far, repeats included. */
  readonly commands: readonly NodeCommand[];
  /** Ids of the commands whose receipts the router has acknowledged. */
  readonly acknowledged: readonly string[];
  /** The router's words on whether nodes may respond; `null`: they may. */
  readonly responding: readonly (Stop | null)[];
  /** Whose rules it is told to use. */
  readonly revisions: readonly string[];
  /** Sends anything at all. */
  say(message: unknown): void;
  answer(command: NodeCommand, outcome?: Outcome, detail?: string): void;
  /** Resolves with the code of its close, whoever closes it. */
  readonly closed: Promise<number>;
  close(): Promise<void>;
};

export const helloOf = (node: string) => ({
  version: 1,
  kind: 'hello',
  node,
  agent_version: '0.1.0',
  boot_id: 'boot',
  actions: ['container.kill'],
});

/** Opens the socket without a hello. Rejects with the router's words when it refuses. */
export async function openNodeEnd(place: Place, headers: object = place.headers()): Promise<NodeEnd> {
  const socket = new WebSocket(`${place.url.replace('http', 'ws')}/api/nodes/channel`, { headers: { ...headers } });
  const commands: NodeCommand[] = [];
  const acknowledged: string[] = [];
  const responding: (Stop | null)[] = [];
  const revisions: string[] = [];
  socket.on('message', (data) => {
    const message = fromRouterSchema.parse(JSON.parse(String(data)));
    if (message.kind === 'command') commands.push(message);
    else if (message.kind === 'ack') acknowledged.push(message.command);
    else if (message.kind === 'responding') responding.push(message.stop);
    else if (message.kind === 'revision') revisions.push(message.commit);
  });
  const closed = new Promise<number>((resolve) => socket.once('close', resolve));
  await once(socket, 'open');
  socket.on('error', () => undefined); // a router that is killed
  return {
    commands,
    acknowledged,
    responding,
    revisions,
    closed,
    say: (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    answer: ({ id }, outcome = 'done', detail = 'killed') =>
      socket.send(
        JSON.stringify({
          version: 1,
          kind: 'receipt',
          command: id,
          outcome,
          detail,
          started_ms: Date.now(),
          finished_ms: Date.now(),
        }),
      ),
    close: async () => {
      socket.close();
      await closed;
    },
  };
}
