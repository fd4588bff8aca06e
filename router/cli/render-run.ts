import type { Run } from '#playbooks/language/run';
import { printable } from '#rules/language/printable';

/** One line for the terminal: `→ contain-shell done: kill done (container 0123… killed) in 12 ms`. */
export function renderRun(run: Run, isColoured: boolean): string {
  const steps = run.steps
    .map(({ id, state, detail }) => `${id} ${state}${detail === '' ? '' : ` (${printable(detail)})`}`)
    .join(', ');
  const tookMs = (run.finishedMs ?? run.startedMs) - run.startedMs;
  const mode = run.mode === 'dry-run' ? ' [dry run]' : '';
  const line = `→ ${run.playbook}${mode} ${run.state}: ${steps} in ${tookMs} ms`;
  if (!isColoured) return line;
  const colour = run.state === 'failed' ? '\u001b[31m' : run.mode === 'dry-run' ? '\u001b[36m' : '\u001b[32m';
  return `${colour}${line}\u001b[0m`;
}
