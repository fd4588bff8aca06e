import { closeSync, createReadStream, openSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { type Command, exitCodes, readArgs, UsageError } from '#rules/cli/command-line';
import { printable } from '#rules/language/printable';
import { type Head, makeVerifier, type Verified } from '../store/audit-chain.ts';
import { API_USAGE, apiOptions, makeRouterApi, type RouterApi } from './router-api.ts';

/** `lanner audit verify`. */
export const auditVerify: Command = {
  name: 'audit verify',
  summary: `Follow the chain of the audit log, of FILE or of the running router, and say where it is broken.

  --save FILE     also write its lines to FILE (it keeps what the router keeps no more)
  --head N:HASH   an entry that somebody noted earlier must be there: who can write the whole log can write another one,
                  but not one with that entry

Exit code 1 when the chain is broken, or the log cannot be read.`,
  usage: `[FILE] [--save FILE] [--head N:HASH] ${API_USAGE} [--json]`,
  run: async (args) => {
    const { values, positionals } = readArgs(args, {
      ...apiOptions,
      save: { type: 'string' },
      head: { type: 'string' },
      json: { type: 'boolean' },
    });
    const [file, stray] = positionals;
    if (stray !== undefined) throw new UsageError(`unexpected argument ${JSON.stringify(stray)}`);
    const wanted = values.head === undefined ? undefined : readWanted(values.head);
    const api = file === undefined ? makeRouterApi(values) : undefined;
    try {
      const lines = api === undefined ? linesOf(file ?? '') : linesFrom(api);
      const verified = await verify(lines, wanted, values.save);
      process.stdout.write(values.json === true ? `${JSON.stringify(verified)}\n` : `${toText(verified)}\n`);
      return verified.ok ? exitCodes.ok : exitCodes.failed;
    } catch (error) {
      if (!(error instanceof Error && ('code' in error || error instanceof Unread))) throw error;
      process.stderr.write(`lanner audit verify: ${printable(error.message)}\n`);
      return exitCodes.failed;
    }
  },
};

/** The router did not give its lines. */
class Unread extends Error {}

function readWanted(text: string): Head {
  const [, seq, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (seq === undefined || hash === undefined)
    throw new UsageError(`--head ${JSON.stringify(text)}: expected NUMBER:HASH, as \`audit verify\` prints it`);
  return { seq: Number(seq), hash };
}

async function* linesOf(path: string): AsyncGenerator<string> {
  const stream = createReadStream(path, 'utf8');
  for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) yield line;
}

async function* linesFrom(api: RouterApi): AsyncGenerator<string> {
  for (let after = 0; ; ) {
    const answer = await api(`/api/audit?after=${after}`);
    if (!answer.ok) throw new Unread(answer.reason);
    const lines = answer.text.split('\n').filter((line) => line !== '');
    yield* lines;
    const last = /^\{"seq":(\d{1,15}),/.exec(lines.at(-1) ?? '')?.[1];
    // What has no number is no line of ours, and the verifier has said so.
    if (last === undefined || Number(last) <= after) return;
    after = Number(last);
  }
}

async function verify(
  lines: AsyncIterable<string>,
  wanted: Head | undefined,
  save: string | undefined,
): Promise<Verified> {
  const copy = save === undefined ? undefined : openSync(save, 'w', 0o600);
  try {
    const verifier = makeVerifier();
    let at = 0;
    let isFound = wanted === undefined;
    for await (const line of lines) {
      at++;
      const reason = verifier.take(line);
      if (reason !== undefined) return { ok: false, at, reason };
      isFound ||=
        wanted !== undefined && line.startsWith(`{"seq":${wanted.seq},`) && line.endsWith(`"${wanted.hash}"}`);
      if (copy !== undefined) writeSync(copy, `${line}\n`);
    }
    if (!isFound) return { ok: false, at, reason: `number ${wanted?.seq} with that hash is not in it` };
    return verifier.result();
  } finally {
    if (copy !== undefined) closeSync(copy);
  }
}

function toText(verified: Verified): string {
  if (!verified.ok) return `broken at line ${verified.at}: ${verified.reason}`;
  const { entries, first, head } = verified;
  if (entries === 0) return 'nothing was written yet';
  const older = first === 1 ? '' : `; numbers before ${first} are kept no more`;
  return `${entries} ${entries === 1 ? 'entry' : 'entries'}, unbroken up to ${head.seq}:${head.hash}${older}`;
}
