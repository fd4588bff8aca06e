import { userInfo } from 'node:os';
import * as z from 'zod';
import { type Command, exitCodes, readArgs, UsageError } from '#rules/cli/command-line';
import { printable } from '#rules/language/printable';
import { API_USAGE, apiOptions, makeRouterApi } from './router-api.ts';

const answerSchema = z.object({ status: z.string(), commit: z.string().optional() });

/** `lanner sync`. */
export const sync: Command = {
  name: 'sync',
  summary: `Let the router look at its git repository now, and use the commit that its branch is at.

  --to COMMIT   use this commit of the branch's history instead, and stay there until \`lanner sync\` is called without

Exit code 1 when the router does not answer, or the commit cannot be used; what is wrong is printed, and the last good
commit stays.`,
  usage: `[--to COMMIT] ${API_USAGE} [--json]`,
  run: async (args) => {
    const { values, positionals } = readArgs(args, {
      ...apiOptions,
      to: { type: 'string' },
      json: { type: 'boolean' },
    });
    if (positionals.length > 0) throw new UsageError(`unexpected argument ${JSON.stringify(positionals[0])}`);
    if (values.to !== undefined && !/^[0-9a-f]{7,64}$/.test(values.to))
      throw new UsageError(`--to ${JSON.stringify(values.to)}: expected a commit id, 7 digits or more of it`);
    const wish = { by: userInfo().username, ...(values.to !== undefined && { to: values.to }) };
    const answer = await makeRouterApi(values)('/api/sync', JSON.stringify(wish));
    if (!answer.ok) {
      process.stderr.write(`lanner sync: ${printable(answer.reason)}\n`);
      return exitCodes.failed;
    }
    const { status, commit } = answerSchema.parse(JSON.parse(answer.text));
    process.stdout.write(values.json === true ? `${answer.text}\n` : `${words[status] ?? status} ${commit ?? ''}\n`);
    return exitCodes.ok;
  },
};

const words: Readonly<Record<string, string>> = {
  swapped: 'now used:',
  same: 'already used:',
  busy: 'another router was faster; used:',
};
