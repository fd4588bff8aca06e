import { createHash } from 'node:crypto';
import { createWriteStream, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as z from 'zod';
import { evidenceId } from '#playbooks/command';
import { type Command, exitCodes, readArgs, UsageError } from '#rules/cli/command-line';
import { printable } from '#rules/language/printable';
import { complain } from './destinations.ts';
import { API_USAGE, apiOptions, makeRouterApi, makeRouterAsk } from './router-api.ts';

const listSchema = z.object({
  evidence: z.array(
    z.looseObject({
      id: z.string(),
      node: z.string(),
      rule: z.string(),
      container: z.string(),
      bytes: z.number(),
      place: z.looseObject({ kind: z.string() }),
    }),
  ),
});

/** `lanner evidence list`. */
export const listEvidence: Command = {
  name: 'evidence list',
  summary: 'Evidence that nodes have handed over, the latest first. --json shows all that is known of it.',
  usage: `[--limit N] ${API_USAGE} [--json]`,
  run: async (args) => {
    const { values, positionals } = readArgs(args, {
      ...apiOptions,
      limit: { type: 'string', default: '100' },
      json: { type: 'boolean' },
    });
    if (positionals.length > 0) throw new UsageError('expected no further words');
    const answer = await makeRouterApi(values)(`/api/evidence?${new URLSearchParams({ limit: values.limit })}`);
    if (!answer.ok) return complain('evidence list', answer.reason);
    if (values.json === true) {
      process.stdout.write(`${answer.text}\n`);
      return exitCodes.ok;
    }
    const { evidence } = listSchema.parse(JSON.parse(answer.text));
    if (evidence.length === 0) process.stdout.write('there is no evidence\n');
    for (const { id, node, rule, container, bytes, place } of evidence)
      process.stdout.write(
        `${printable(`${id} ${node} ${container.slice(0, 12)} ${bytes} bytes (${place.kind}): ${rule}`)}\n`,
      );
    return exitCodes.ok;
  },
};

/** `lanner evidence get`. */
export const getEvidence: Command = {
  name: 'evidence get',
  summary: 'Fetch an archive (tar.zst) into a file, ID.tar.zst if not given; its hash is checked.',
  usage: `ID [--output FILE] ${API_USAGE}`,
  run: async (args) => {
    const { values, positionals } = readArgs(args, { ...apiOptions, output: { type: 'string' } });
    const [id, stray] = positionals;
    if (!evidenceId.safeParse(id).success || stray !== undefined)
      throw new UsageError('expected the ID of an archive, as `lanner evidence list` prints it');
    const asked = await makeRouterAsk(values)(`/api/evidence/${id}`);
    if (!asked.ok) return complain('evidence get', asked.reason);
    const path = resolve(values.output ?? `${id}.tar.zst`);
    const hash = createHash('sha256');
    const through = new Transform({
      transform(chunk: Buffer, _, done) {
        hash.update(chunk);
        done(undefined, chunk);
      },
    });
    try {
      const body = asked.answer.body ?? new ReadableStream();
      await pipeline(
        Readable.fromWeb(body),
        through,
        createWriteStream(path, { mode: 0o600, flags: 'wx', flush: true }),
      );
    } catch (error) {
      return complain('evidence get', error instanceof Error ? error.message : String(error));
    }
    const sha256 = hash.digest('hex');
    if (sha256 !== asked.answer.headers.get('lanner-sha256')) {
      rmSync(path, { force: true });
      return complain('evidence get', 'what came has another hash than it should have');
    }
    process.stdout.write(`${path} (sha256 ${sha256})\n`);
    return exitCodes.ok;
  },
};
