import type { Run } from '#playbooks/language/run';

/** One line for the terminal: `→ contain-shell done: kill done (container 0123… killed) in 12 ms`. */
export function renderRun(run: Run, isColoured: boolean): string {
  const steps = run.steps
    .map(({ id, state, detail }) => `${id} ${state}${detail === '' ? '' : ` (${escapeText(detail)})`}`)
    .join(', ');
  const tookMs = (run.finishedMs ?? run.startedMs) - run.startedMs;
  const mode = run.mode === 'dry-run' ? ' [dry run]' : '';
  const line = `→ ${run.playbook}${mode} ${run.state}: ${steps} in ${tookMs} ms`;
  if (!isColoured) return line;
  const colour = run.state === 'failed' ? '\u001b[31m' : run.mode === 'dry-run' ? '\u001b[36m' : '\u001b[32m';
  return `${colour}${line}\u001b[0m`;
}

/** Details may quote what others wrote: no control characters, no marks that turn text around. */
function escapeText(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (found) => `\\u{${found.codePointAt(0)?.toString(16)}}`);
}
