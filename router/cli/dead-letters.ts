import { userInfo } from 'node:os';
import * as z from 'zod';
import { type Command, exitCodes, readArgs, UsageError } from '#rules/cli/command-line';
import { printable } from '#rules/language/printable';
import { complain } from './destinations.ts';
import { API_USAGE, apiOptions, makeRouterApi } from './router-api.ts';

const listSchema = z.object({
  dead_letters: z.array(
    z.looseObject({
      id: z.string(),
      destination: z.string(),
      rule: z.string(),
      playbook: z.string(),
      reason: z.string(),
      attempts: z.number(),
      died_ms: z.number(),
    }),
  ),
});
const countSchema = z.object({ count: z.number() });

const units: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `lanner dead-letters list`. */
export const listDeadLetters: Command = {
  name: 'dead-letters list',
  summary:
    'Messages that their destination will not take, the latest first, with the reason. --json shows all of them.',
  usage: `[--destination NAME] [--limit N] ${API_USAGE} [--json]`,
  run: async (args) => {
    const { values, positionals } = readArgs(args, {
      ...apiOptions,
      destination: { type: 'string' },
      limit: { type: 'string', default: '100' },
      json: { type: 'boolean' },
    });
    if (positionals.length > 0) throw new UsageError('expected no further words');
    const query = new URLSearchParams({ limit: values.limit });
    if (values.destination !== undefined) query.set('destination', values.destination);
    const answer = await makeRouterApi(values)(`/api/dead-letters?${query}`);
    if (!answer.ok) return complain('dead-letters list', answer.reason);
    if (values.json === true) {
      process.stdout.write(`${answer.text}\n`);
      return exitCodes.ok;
    }
    const { dead_letters: letters } = listSchema.parse(JSON.parse(answer.text));
    if (letters.length === 0) process.stdout.write('there are no dead letters\n');
    for (const { id, destination, rule, playbook, reason, attempts, died_ms } of letters) {
      const what = `${new Date(died_ms).toISOString()} ${id} ${destination} ${playbook}: ${rule}`;
      process.stdout.write(`${printable(`${what}; ${attempts} attempts, ${reason}`)}\n`);
    }
    return exitCodes.ok;
  },
};

/** `lanner dead-letters replay`. */
export const replayDeadLetters = makeChooser('replay', 'Try messages again that were given up', 'tried again');
/** `lanner dead-letters purge`. */
export const purgeDeadLetters = makeChooser('purge', 'Forget messages that were given up', 'forgotten');

function makeChooser(how: 'replay' | 'purge', summary: string, done: string): Command {
  const name = `dead-letters ${how}`;
  return {
    name,
    summary: `${summary}: one by its ID, all, or those that were given up within a time such as 30m, 2h or 1d, or since a point in time.`,
    usage: `ID|--all|--since TIME [--destination NAME] ${API_USAGE} [--json]`,
    run: async (args) => {
      const { values, positionals } = readArgs(args, {
        ...apiOptions,
        all: { type: 'boolean' },
        since: { type: 'string' },
        destination: { type: 'string' },
        json: { type: 'boolean' },
      });
      const [id, stray] = positionals;
      const since = values.since === undefined ? undefined : readSince(values.since, Date.now());
      const chosen = [id, values.all, since].filter((one) => one !== undefined);
      if (chosen.length !== 1 || stray !== undefined)
        throw new UsageError('expected one of ID, --all and --since TIME');
      const asked = { by: userInfo().username, destination: values.destination, id, all: values.all, since_ms: since };
      const answer = await makeRouterApi(values)(`/api/dead-letters/${how}`, JSON.stringify(asked));
      if (!answer.ok) return complain(name, answer.reason);
      const { count } = countSchema.parse(JSON.parse(answer.text));
      const said = `${count} ${count === 1 ? 'message is' : 'messages are'} ${done}`;
      process.stdout.write(values.json === true ? `${answer.text}\n` : `${said}\n`);
      // That one that was named is not there is a mistake; none of all is not.
      return id !== undefined && count === 0 ? exitCodes.failed : exitCodes.ok;
    },
  };
}

/** `2h` before now, or a point in time. */
function readSince(text: string, nowMs: number): number {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const ms = count === undefined ? Date.parse(text) : nowMs - Number(count) * (units[unit] ?? 0);
  if (Number.isNaN(ms))
    throw new UsageError(`--since ${JSON.stringify(text)}: expected 30m, 2h, 1d or a point in time`);
  return Math.max(0, ms);
}
