import { commandSchema, type NodeCommand, type Receipt, receiptSchema } from '#playbooks/command';
import { makeScript, type RedisClient, readJson, readList, readText, runScript } from './client.ts';
import { keys } from './keys.ts';

/** Commands that wait for one node. */
const MOST_WAITING = 1_000;
const MOST_SIGNALS = 10_000;
/** A run that was cut off asks for its receipt again; it does so long before this. */
const RECEIPT_TTL_MS = 3_600_000;

/**
 * The outbox of a node is a hash by command id and not a stream: a command that is sent again replaces itself, and the
 * receipt deletes it by its id.
 */
const add = makeScript(`
local id, command, most, signals, node = unpack(ARGV)
if redis.call('EXISTS', KEYS[2]) == 1 then return 'answered' end
if redis.call('HEXISTS', KEYS[1], id) == 0 and redis.call('HLEN', KEYS[1]) >= tonumber(most) then return 'full' end
redis.call('HSET', KEYS[1], id, command)
redis.call('XADD', KEYS[3], 'MAXLEN', '~', signals, '*', 'command', node)
return 'added'`);

/** `answered`: its receipt is there already. `full`: the node has not answered so many that no more are kept. */
export type Added = 'added' | 'answered' | 'full';

export async function addCommand(client: RedisClient, node: string, command: NodeCommand): Promise<Added> {
  const places = [keys.outbox(node), keys.receipt(command.id), keys.signals];
  const words = [command.id, JSON.stringify(command), MOST_WAITING, MOST_SIGNALS, node];
  const reply = await runScript(client, add, places, words);
  return reply === 'answered' || reply === 'full' ? reply : 'added';
}

/** What waits for each of the nodes, in one round trip. */
export async function listCommands(
  client: RedisClient,
  nodes: readonly string[],
): Promise<ReadonlyMap<string, readonly NodeCommand[]>> {
  if (nodes.length === 0) return new Map();
  const replies = await client.batch(nodes.map((node) => ['HVALS', keys.outbox(node)]));
  return new Map(
    nodes.map((node, at) => [
      node,
      readList(replies[at]).flatMap((text) => {
        const read = commandSchema.safeParse(readJson(readText(text)));
        return read.success ? [read.data] : [];
      }),
    ]),
  );
}

export async function removeCommands(client: RedisClient, node: string, ids: readonly string[]): Promise<void> {
  if (ids.length > 0) await client.call('HDEL', keys.outbox(node), ...ids);
}

const settle = makeScript(`
local id, receipt, ttl, signals = unpack(ARGV)
if redis.call('HDEL', KEYS[1], id) == 0 then return 0 end
redis.call('SET', KEYS[2], receipt, 'PX', ttl)
redis.call('XADD', KEYS[3], 'MAXLEN', '~', signals, '*', 'receipt', id)
return 1`);

/**
 * Keeps a node's receipt. `unasked`: nothing with this id waits for that node, because it was answered before, or its
 * time is over, or it never was this node's.
 */
export async function settleCommand(
  client: RedisClient,
  node: string,
  receipt: Receipt,
): Promise<'settled' | 'unasked'> {
  const places = [keys.outbox(node), keys.receipt(receipt.command), keys.signals];
  const words = [receipt.command, JSON.stringify(receipt), RECEIPT_TTL_MS, MOST_SIGNALS];
  return (await runScript(client, settle, places, words)) === 1 ? 'settled' : 'unasked';
}

export async function loadReceipt(client: RedisClient, command: string): Promise<Receipt | undefined> {
  const json = readJson(readText(await client.call('GET', keys.receipt(command))));
  return json === undefined ? undefined : receiptSchema.parse(json);
}

/** Forgets an answer, so that the same command can be asked again. */
export async function forgetReceipt(client: RedisClient, command: string): Promise<void> {
  await client.call('DEL', keys.receipt(command));
}
