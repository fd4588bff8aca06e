import { userInfo } from 'node:os';
import * as z from 'zod';
import { type Command, exitCodes, readArgs, UsageError } from '#rules/cli/command-line';
import { printable } from '#rules/language/printable';
import { complain } from './destinations.ts';
import { API_USAGE, apiOptions, makeRouterApi } from './router-api.ts';

const listSchema = z.object({
  pages: z.array(
    z.object({
      id: z.string(),
      key: z.string(),
      state: z.string(),
      by: z.string().optional(),
      told: z.array(z.string()),
      next: z.string().nullable(),
      next_at: z.string().nullable(),
      alert: z.object({ rule: z.string(), priority: z.string(), output: z.string() }),
    }),
  ),
});

/** `lanner pages`. */
export const pages: Command = {
  name: 'pages',
  summary: 'Pages with ack_within that nobody has resolved: who was told, who is next, who has acknowledged.',
  usage: `${API_USAGE} [--json]`,
  run: async (args) => {
    const { values, positionals } = readArgs(args, { ...apiOptions, json: { type: 'boolean' } });
    if (positionals.length > 0) throw new UsageError('expected no further words');
    const answer = await makeRouterApi(values)('/api/pages');
    if (!answer.ok) return complain('pages', answer.reason);
    if (values.json === true) {
      process.stdout.write(`${answer.text}\n`);
      return exitCodes.ok;
    }
    const found = listSchema.parse(JSON.parse(answer.text)).pages;
    if (found.length === 0) process.stdout.write('nobody was paged, or all is resolved\n');
    for (const { id, key, state, by, told, next, next_at, alert } of found) {
      const who = by === undefined ? '' : ` by ${by}`;
      const then = next === null || next_at === null ? '' : `; ${next} at ${next_at}`;
      process.stdout.write(
        `${id} ${state}${printable(who)}: ${printable(`${alert.priority}: ${alert.rule}: ${alert.output}`)}\n  incident ${printable(key)}; told ${told.join(', ')}${then}\n`,
      );
    }
    return exitCodes.ok;
  },
};

/** `lanner ack ID` and `lanner resolve ID`. */
export const ack: Command = makeVerb('ack', 'acknowledge', 'Acknowledge a page: nobody else is told.');
export const resolve: Command = makeVerb(
  'resolve',
  'resolve',
  'Resolve a page, here and at the pagers that were told.',
);

function makeVerb(name: string, verb: string, what: string): Command {
  return {
    name,
    summary: `${what} ID is what \`lanner pages\` shows. Exit code 1 when that changed nothing.`,
    usage: `ID ${API_USAGE} [--json]`,
    run: async (args) => {
      const { values, positionals } = readArgs(args, { ...apiOptions, json: { type: 'boolean' } });
      const [id, stray] = positionals;
      if (id === undefined || stray !== undefined) throw new UsageError('expected the ID of one page');
      const body = JSON.stringify({ by: userInfo().username });
      const answer = await makeRouterApi(values)(`/api/pages/${encodeURIComponent(id)}/${verb}`, body);
      if (!answer.ok) return complain(name, answer.reason);
      const { said } = z.object({ said: z.string() }).parse(JSON.parse(answer.text));
      process.stdout.write(values.json === true ? `${answer.text}\n` : `${printable(said)}\n`);
      return exitCodes.ok;
    },
  };
}
