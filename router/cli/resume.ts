import { userInfo } from 'node:os';
import { type Command, exitCodes, readArgs, UsageError } from '#rules/cli/command-line';
import { printable } from '#rules/language/printable';
import { API_USAGE, apiOptions, makeRouterApi } from './router-api.ts';

/** `lanner playbooks resume NAME`. */
export const resume: Command = {
  name: 'playbooks resume',
  summary:
    'Let a playbook go on that has stopped itself because of its blast radius. What it touched before counts no more.\nExit code 1 when the router does not answer or knows no such playbook.',
  usage: `NAME [--reason TEXT] ${API_USAGE} [--json]`,
  run: async (args) => {
    const { values, positionals } = readArgs(args, {
      ...apiOptions,
      reason: { type: 'string', default: '' },
      json: { type: 'boolean' },
    });
    const [name, stray] = positionals;
    if (name === undefined || stray !== undefined) throw new UsageError('expected the name of one playbook');
    const answer = await makeRouterApi(values)(
      `/api/playbooks/${encodeURIComponent(name)}/resume`,
      JSON.stringify({ by: userInfo().username, reason: values.reason }),
    );
    if (!answer.ok) {
      process.stderr.write(`lanner playbooks resume: ${printable(answer.reason)}\n`);
      return exitCodes.failed;
    }
    const had = answer.text.includes('"had_stopped":true');
    const said = had ? `${name} goes on` : `${name} had not stopped`;
    process.stdout.write(values.json === true ? `${answer.text}\n` : `${said}\n`);
    return exitCodes.ok;
  },
};
