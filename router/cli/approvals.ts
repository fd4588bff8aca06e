import { userInfo } from 'node:os';
import * as z from 'zod';
import { type Command, exitCodes, readArgs, UsageError } from '#rules/cli/command-line';
import { printable } from '#rules/language/printable';
import { complain } from './destinations.ts';
import { API_USAGE, apiOptions, makeRouterApi } from './router-api.ts';

const listSchema = z.object({
  approvals: z.array(
    z.object({
      id: z.string(),
      playbook: z.string(),
      step: z.string(),
      uses: z.string(),
      params: z.unknown(),
      by: z.array(z.string()),
      otherwise: z.string(),
      until: z.string(),
      alert: z.object({ rule: z.string(), output: z.string() }),
    }),
  ),
});

/** `lanner approvals`. */
export const approvals: Command = {
  name: 'approvals',
  summary: 'Steps that wait for a person to agree, those whose time is over first at the top.',
  usage: `${API_USAGE} [--json]`,
  run: async (args) => {
    const { values, positionals } = readArgs(args, { ...apiOptions, json: { type: 'boolean' } });
    if (positionals.length > 0) throw new UsageError('expected no further words');
    const answer = await makeRouterApi(values)('/api/approvals');
    if (!answer.ok) return complain('approvals', answer.reason);
    if (values.json === true) {
      process.stdout.write(`${answer.text}\n`);
      return exitCodes.ok;
    }
    const found = listSchema.parse(JSON.parse(answer.text)).approvals;
    if (found.length === 0) process.stdout.write('nothing waits for an answer\n');
    for (const { id, playbook, step, uses, params, by, otherwise, until, alert } of found) {
      const what = `${playbook}/${step}: ${uses} with ${JSON.stringify(params)}`;
      process.stdout.write(
        `${id} ${printable(what)}\n  after ${printable(`${alert.rule}: ${alert.output}`)}\n  ${by.join(', ')} until ${until}, otherwise ${otherwise}\n`,
      );
    }
    return exitCodes.ok;
  },
};

/** `lanner approve ID` and `lanner deny ID`. */
export const approve: Command = makeAnswer('approve', 'Let a step be performed that waits for a person to agree.');
export const deny: Command = makeAnswer('deny', 'Refuse a step that waits for a person to agree: it is not performed.');

function makeAnswer(name: 'approve' | 'deny', what: string): Command {
  return {
    name,
    summary: `${what} ID is what \`lanner approvals\` shows. The answer is that of the person whose
token it is; the router's own is that of the person \`operator\`. Exit code 1 when it was not taken.`,
    usage: `ID ${API_USAGE} [--json]`,
    run: async (args) => {
      const { values, positionals } = readArgs(args, { ...apiOptions, json: { type: 'boolean' } });
      const [id, stray] = positionals;
      if (id === undefined || stray !== undefined) throw new UsageError('expected the ID of one question');
      const body = JSON.stringify({ by: userInfo().username });
      const answer = await makeRouterApi(values)(`/api/approvals/${encodeURIComponent(id)}/${name}`, body);
      if (!answer.ok) return complain(name, answer.reason);
      const { said } = z.object({ said: z.string() }).parse(JSON.parse(answer.text));
      process.stdout.write(values.json === true ? `${answer.text}\n` : `${printable(said)}\n`);
      return exitCodes.ok;
    },
  };
}
