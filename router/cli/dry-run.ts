import { readAlertFile } from '#playbooks/cli/read-alert';
import type { Alert } from '#rules/alert';
import { alertJson } from '#rules/alert-json';
import { type Command, exitCodes, readArgs, UsageError } from '#rules/cli/command-line';
import { printable } from '#rules/language/printable';
import type { DryRun } from '../runs/dry-run.ts';
import { API_USAGE, apiOptions, makeRouterApi } from './router-api.ts';

/** `lanner playbooks run NAME --alert FILE --dry-run`. */
export const dryRun: Command = {
  name: 'playbooks run',
  summary: `Say what playbook NAME would do about an alert: the running router evaluates every guard and template against what it
remembers and knows now, with its secrets, and asks the alert's node whether it would be allowed to. Nothing is done or remembered.

FILE is an alert as JSON. Exit code 0 when the playbook would start and no step would fail; 1 otherwise.`,
  usage: `NAME --alert FILE --dry-run ${API_USAGE} [--json]`,
  run: async (args) => {
    const { values, positionals } = readArgs(args, {
      ...apiOptions,
      alert: { type: 'string' },
      'dry-run': { type: 'boolean' },
      json: { type: 'boolean' },
    });
    const [name, stray] = positionals;
    if (name === undefined || stray !== undefined) throw new UsageError('expected the name of one playbook');
    if (values.alert === undefined) throw new UsageError('expected --alert FILE');
    if (values['dry-run'] !== true)
      throw new UsageError('expected --dry-run: only alerts that come in start a run that acts');
    const read = readAlertFile(values.alert);
    const answer = read.ok ? await ask(name, read.alert, values) : read;
    if (!answer.ok) {
      process.stderr.write(`lanner playbooks run: ${printable(answer.reason)}\n`);
      return exitCodes.failed;
    }
    const result = JSON.parse(answer.text) as DryRun;
    process.stdout.write(values.json === true ? `${answer.text}\n` : render(result));
    const starts = typeof result.decision === 'object' && result.decision.kind === 'start';
    return starts && result.run.state === 'done' ? exitCodes.ok : exitCodes.failed;
  },
};

function ask(name: string, alert: Alert, values: Parameters<typeof makeRouterApi>[0]) {
  const body = alertJson(alert);
  return makeRouterApi(values)(`/api/playbooks/${encodeURIComponent(name)}/dry-run`, body);
}

function render({ decision, run }: DryRun): string {
  const head =
    decision === 'no match'
      ? 'the alert does not match the playbook; if it did:'
      : decision.kind === 'held'
        ? `${decision.guard} holds it back (${decision.detail}); if it did not:`
        : `it would start${decision.guards.map(({ guard, detail }) => `; ${guard}: ${detail}`).join('')}`;
  const steps = run.steps.map(({ id, uses, state, detail, params }) => {
    const filled = params === undefined ? '' : ` ${JSON.stringify(params)}`;
    return `  ${id} (${uses}) ${state}${detail === '' ? '' : `: ${detail}`}${filled}`;
  });
  return [head, ...steps].map((line) => `${printable(line)}\n`).join('');
}
