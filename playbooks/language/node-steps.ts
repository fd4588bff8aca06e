import { hasMemory } from './gate.ts';
import type { Outline } from './outline.ts';
import type { ActionStep, Playbook } from './playbook.ts';
import type { Report, Written } from './written.ts';

/**
 * The steps with `where: node` that a playbook begins with: the node carries them out by itself. None, where only the
 * router remembers whether a run may start at all.
 */
export function leadingNodeSteps(playbook: Playbook): readonly ActionStep[] {
  const leading: ActionStep[] = [];
  for (const step of hasMemory(playbook) ? [] : playbook.steps) {
    if (step.kind !== 'action' || step.where !== 'node' || step.foreach !== undefined) break;
    leading.push(step);
  }
  return leading;
}

/** Says which steps with `where: node` wait for the router all the same, and why. */
export function warnOfWaiting(playbook: Playbook, { steps, last }: Outline, written: Written, warn: Report): void {
  const leading = new Set(leadingNodeSteps(playbook).map(({ id }) => id));
  const all = [...steps, ...last].flatMap((step) => [step, ...step.parallel, ...step.remedy]);
  for (const step of all) {
    if (step.where !== 'node' || leading.has(step.id)) continue;
    const why = hasMemory(playbook)
      ? 'only it remembers count, sequence, dedupe and limits'
      : 'it comes after a step of the router, or inside another';
    const { source, span } = written.at([...step.path, 'where']).at;
    warn('PLAYBOOK_DISTANCE', `${step.id} waits for the router: ${why}`, source, span);
  }
}
