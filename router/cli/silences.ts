import { userInfo } from 'node:os';
import * as z from 'zod';
import { type Command, exitCodes, readArgs, UsageError } from '#rules/cli/command-line';
import { printable } from '#rules/language/printable';
import { complain } from './destinations.ts';
import { API_USAGE, apiOptions, makeRouterApi } from './router-api.ts';

const silenceSchema = z.object({
  id: z.string(),
  condition: z.string(),
  playbooks: z.array(z.string()).nullable(),
  by: z.string(),
  reason: z.string(),
  from: z.string(),
  until: z.string(),
  state: z.string(),
  hidden: z.number().default(0),
});

/** `lanner silence add CONDITION`. */
export const addSilence: Command = {
  name: 'silence add',
  summary: `Silence alerts for which CONDITION holds, on all routers: they are stored and shown as silenced, and start no playbook.
--for is a time such as 2h, --until a point in time such as 2026-01-31T22:00:00Z; --from lets it begin later (maintenance).
What agents carry out by themselves (where: node, where: kernel) knows only the silences that stand in files.`,
  usage: `CONDITION --reason TEXT (--for TIME | --until TIME) [--from TIME] [--playbook NAME]… ${API_USAGE} [--json]`,
  run: async (args) => {
    const { values, positionals } = readArgs(args, {
      ...apiOptions,
      reason: { type: 'string' },
      for: { type: 'string' },
      from: { type: 'string' },
      until: { type: 'string' },
      playbook: { type: 'string', multiple: true },
      json: { type: 'boolean' },
    });
    const [condition, stray] = positionals;
    if (condition === undefined || stray !== undefined) throw new UsageError('expected one condition, in quotes');
    if (values.reason === undefined) throw new UsageError('--reason is missing');
    const { reason, for: time, from, until, playbook: playbooks } = values;
    const wish = { condition, reason, for: time, from, until, playbooks, by: userInfo().username };
    const answer = await makeRouterApi(values)('/api/silences', JSON.stringify(wish));
    return tell('silence add', answer, values.json === true);
  },
};

/** `lanner silence end ID`. */
export const endSilence: Command = {
  name: 'silence end',
  summary: 'End a silence now. ID is what `lanner silence list` shows.',
  usage: `ID ${API_USAGE} [--json]`,
  run: async (args) => {
    const { values, positionals } = readArgs(args, { ...apiOptions, json: { type: 'boolean' } });
    const [id, stray] = positionals;
    if (id === undefined || stray !== undefined) throw new UsageError('expected the ID of one silence');
    const body = JSON.stringify({ by: userInfo().username });
    const answer = await makeRouterApi(values)(`/api/silences/${encodeURIComponent(id)}/end`, body);
    return tell('silence end', answer, values.json === true);
  },
};

/** `lanner silence list`. */
export const listSilences: Command = {
  name: 'silence list',
  summary: 'Silences that people made, also those that have ended within a week, and how many alerts each has hidden.',
  usage: `${API_USAGE} [--json]`,
  run: async (args) => {
    const { values, positionals } = readArgs(args, { ...apiOptions, json: { type: 'boolean' } });
    if (positionals.length > 0) throw new UsageError('expected no further words');
    const answer = await makeRouterApi(values)('/api/silences');
    if (!answer.ok) return complain('silence list', answer.reason);
    if (values.json === true) {
      process.stdout.write(`${answer.text}\n`);
      return exitCodes.ok;
    }
    const { silences } = z.object({ silences: z.array(silenceSchema) }).parse(JSON.parse(answer.text));
    if (silences.length === 0) process.stdout.write('there are no silences\n');
    for (const silence of silences) process.stdout.write(describe(silence));
    return exitCodes.ok;
  },
};

function tell(command: string, answer: Awaited<ReturnType<ReturnType<typeof makeRouterApi>>>, isJson: boolean): number {
  if (!answer.ok) return complain(command, answer.reason);
  process.stdout.write(isJson ? `${answer.text}\n` : describe(silenceSchema.parse(JSON.parse(answer.text))));
  return exitCodes.ok;
}

function describe(silence: z.output<typeof silenceSchema>): string {
  const { id, condition, playbooks, by, reason, from, until, state, hidden } = silence;
  const which = playbooks === null ? '' : ` for ${playbooks.join(', ')}`;
  return `${id} ${state}${which}, ${from} to ${until}, ${hidden} hidden: ${printable(condition)}\n  ${printable(`${by}: ${reason}`)}\n`;
}
