import { lookup } from 'node:dns/promises';
import { parseAddress } from '#rules/language/address';

/** What the system's resolver says, /etc/hosts included. Rejects when it knows nothing. */
export async function resolveName(name: string): Promise<readonly Uint8Array[]> {
  const answers = await lookup(name, { all: true });
  return answers.flatMap(({ address }) => parseAddress(address) ?? []);
}
