import { type Command, exitCodes, readArgs, UsageError } from '#rules/cli/command-line';
import { renderDiagnostic } from '#rules/language/diagnostic';
import { renderClause } from '#rules/language/explain';
import { nearest } from '#rules/language/nearest';
import { printable } from '#rules/language/printable';
import { type ExplainedPlaybook, explainPlaybook } from '../language/explain.ts';
import type { ActionCatalogue } from '../language/playbook.ts';
import { builtInPlaybooks, loadPlaybookFiles } from './load-files.ts';
import { readAlertFile } from './read-alert.ts';

/** `lanner playbooks explain`: why an alert does or does not start a playbook. */
export function makeExplain(catalogue: ActionCatalogue): Command {
  return {
    name: 'playbooks explain',
    summary: `Say why an alert starts a playbook or not, clause by clause, with what each field held. Without NAME: of all playbooks.

FILE is an alert as JSON. What only the router remembers (count, sequence, dedupe, limits) is \`open\`.
Exit code 0 when some playbook starts, or may; 1 when none does, or when something cannot be read.`,
    usage: '[NAME…] --alert FILE [--playbooks FILE|DIR]… [--json]',
    run: async (args) => {
      const { values, positionals } = readArgs(args, {
        alert: { type: 'string' },
        playbooks: { type: 'string', multiple: true },
        json: { type: 'boolean' },
      });
      if (values.alert === undefined) throw new UsageError('expected --alert FILE');
      const { playbooks, errors } = loadPlaybookFiles(values.playbooks ?? [builtInPlaybooks], catalogue);
      for (const error of errors) process.stderr.write(`${renderDiagnostic(error)}\n`);
      const names = playbooks.map(({ name }) => name);
      const unknown = positionals.find((name) => !names.includes(name));
      if (unknown !== undefined) {
        const near = nearest(unknown, names);
        const hint = near === undefined ? '' : `; did you mean ${near}?`;
        process.stderr.write(`lanner playbooks explain: there is no playbook ${printable(unknown)}${hint}\n`);
        return exitCodes.failed;
      }
      const read = readAlertFile(values.alert);
      if (!read.ok) {
        process.stderr.write(`lanner playbooks explain: ${printable(read.reason)}\n`);
        return exitCodes.failed;
      }
      const explained = playbooks
        .filter(({ name }) => positionals.length === 0 || positionals.includes(name))
        .map((playbook) => explainPlaybook(playbook, read.alert, read.alert.lanner?.id ?? 'alert', Date.now()));
      process.stdout.write(
        values.json === true ? `${JSON.stringify(explained, undefined, 2)}\n` : explained.map(render).join('\n'),
      );
      return explained.some(({ starts }) => starts !== 'no') ? exitCodes.ok : exitCodes.failed;
    },
  };
}

const said = { yes: 'starts', no: 'does not start', open: 'may start: the rest only the router remembers' };

function render({ playbook, starts, clauses }: ExplainedPlaybook): string {
  const lines = clauses.map(({ clause, verdict, detail, condition }) => {
    const head = `  ${verdict.padEnd(4)} ${clause}${detail === '' ? '' : `: ${printable(detail)}`}\n`;
    return condition === undefined ? head : `${head}${renderClause(condition, 4)}`;
  });
  return `${playbook} ${said[starts]}\n${lines.join('')}`;
}
