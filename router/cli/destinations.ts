import { userInfo } from 'node:os';
import * as z from 'zod';
import { type Command, exitCodes, readArgs, UsageError } from '#rules/cli/command-line';
import { printable } from '#rules/language/printable';
import { API_USAGE, apiOptions, makeRouterApi } from './router-api.ts';

const listSchema = z.object({
  destinations: z.array(
    z.looseObject({
      name: z.string(),
      kind: z.string(),
      ok: z.boolean(),
      waiting: z.number(),
      dead: z.number(),
      sent: z.number(),
      last_failure_reason: z.string().nullable(),
    }),
  ),
});
const testSchema = z.object({ ok: z.boolean(), detail: z.string() });

/** `lanner destinations list`. */
export const listDestinations: Command = {
  name: 'destinations list',
  summary: 'Every destination of the running router: whether it takes messages, and how many wait or were given up.',
  usage: `${API_USAGE} [--json]`,
  run: async (args) => {
    const { values, positionals } = readArgs(args, { ...apiOptions, json: { type: 'boolean' } });
    if (positionals.length > 0) throw new UsageError('expected no further words');
    const answer = await makeRouterApi(values)('/api/destinations');
    if (!answer.ok) return complain('destinations list', answer.reason);
    if (values.json === true) {
      process.stdout.write(`${answer.text}\n`);
      return exitCodes.ok;
    }
    const { destinations } = listSchema.parse(JSON.parse(answer.text));
    if (destinations.length === 0) process.stdout.write('there are no destinations\n');
    for (const { name, kind, ok, waiting, dead, sent, last_failure_reason } of destinations) {
      const how = ok ? 'takes messages' : `does not: ${last_failure_reason ?? 'unknown'}`;
      process.stdout.write(`${name} (${kind}) ${printable(how)}; ${sent} sent, ${waiting} waiting, ${dead} dead\n`);
    }
    return exitCodes.ok;
  },
};

/** `lanner destinations test NAME`. */
export const testDestination: Command = {
  name: 'destinations test',
  summary:
    'Send a message that says it is a test to a destination of the running router, past its queue.\nExit code 1 when the destination does not take it.',
  usage: `NAME ${API_USAGE} [--json]`,
  run: async (args) => {
    const { values, positionals } = readArgs(args, { ...apiOptions, json: { type: 'boolean' } });
    const [name, stray] = positionals;
    if (name === undefined || stray !== undefined) throw new UsageError('expected the name of one destination');
    const answer = await makeRouterApi(values)(
      `/api/destinations/${encodeURIComponent(name)}/test`,
      JSON.stringify({ by: userInfo().username }),
    );
    if (!answer.ok) return complain('destinations test', answer.reason);
    const { ok, detail } = testSchema.parse(JSON.parse(answer.text));
    const said = `${name} ${ok ? 'took' : 'did not take'} the test message: ${detail}`;
    process.stdout.write(values.json === true ? `${answer.text}\n` : `${printable(said)}\n`);
    return ok ? exitCodes.ok : exitCodes.failed;
  },
};

export function complain(command: string, reason: string): number {
  process.stderr.write(`lanner ${command}: ${printable(reason)}\n`);
  return exitCodes.failed;
}
