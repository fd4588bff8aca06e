import * as z from 'zod';
import { makeScript, type RedisClient, readJson, readList, readText, runScript } from './client.ts';
import { keys } from './keys.ts';

const MOST_NODES = 10_000;
/** A node that no replica has heard of for this long is not connected, whatever its entry says. */
export const NODE_SILENCE_MS = 15_000;

const nodeSchema = z.strictObject({
  node: z.string(),
  agentVersion: z.string(),
  bootId: z.string(),
  actions: z.array(z.string()),
  state: z.enum(['connected', 'gone']),
  connectedMs: z.number(),
  seenMs: z.number(),
});

export type NodeEntry = Readonly<z.output<typeof nodeSchema>>;

const put = makeScript(`
local most = tonumber(ARGV[1])
for at = 2, #ARGV, 2 do
  if redis.call('HEXISTS', KEYS[1], ARGV[at]) == 1 or redis.call('HLEN', KEYS[1]) < most then
    redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1])
  end
end`);

/** Writes what is known of these nodes; new ones beyond the bound are not listed, but served all the same. */
export async function putNodes(client: RedisClient, nodes: readonly NodeEntry[]): Promise<void> {
  if (nodes.length === 0) return;
  const words = nodes.flatMap((entry) => [entry.node, JSON.stringify(entry)]);
  await runScript(client, put, [keys.nodes], [MOST_NODES, ...words]);
}

export async function listNodes(client: RedisClient, nowMs: number): Promise<readonly NodeEntry[]> {
  return readList(await client.call('HVALS', keys.nodes))
    .flatMap((text) => {
      const read = nodeSchema.safeParse(readJson(readText(text)));
      return read.success ? [read.data] : [];
    })
    .map((entry): NodeEntry => (nowMs - entry.seenMs > NODE_SILENCE_MS ? { ...entry, state: 'gone' } : entry))
    .toSorted((a, b) => (a.node < b.node ? -1 : 1));
}
