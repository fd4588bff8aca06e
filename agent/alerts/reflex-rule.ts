import type { LannerPart } from '#rules/alert';
import { fieldCatalogue } from '#rules/fields';
import { loadRules } from '#rules/language/load';
import type { Rule } from '#rules/language/rule-set';

/** Alerts about what the kernel did by itself have this name, and the playbook's. */
export const REFLEX_RULE = 'Lanner reflex';

/** What became of the program. */
export const reflexSentences: Readonly<Record<NonNullable<LannerPart['reflex']>['verdict'], string>> = {
  killed: 'killed before its first instruction',
  'dry-run': 'would have been killed before its first instruction',
  stopped: 'not killed: responding is stopped',
  capped: 'not killed: this node has killed as many programs within a minute as it may',
  spared: 'not killed: it is protected, or could be',
  failed: 'not killed: the kernel refused',
  denied: 'denied: its exec failed with EPERM',
};

const text = `
- rule: ${REFLEX_RULE}
  desc: A program for which a step in the kernel fired.
  condition: evt.type in (execve, execveat)
  output: process=%proc.name exepath=%proc.exepath command=%proc.cmdline parent=%proc.pname user=%user.name user_uid=%user.uid
    pid=%proc.pid tty=%proc.tty container_id=%container.id container_name=%container.name container_image=%container.image.repository
  priority: CRITICAL
  tags: [reflex]
`;

/** The rule whose output says what there is to know of such a program; it is never matched. */
export function reflexRule(): Rule {
  const [rule] = loadRules([{ path: 'reflex', text }], { fields: fieldCatalogue }).ruleSet.rules;
  if (rule === undefined) throw new Error('the rule of reflexes does not load');
  return rule;
}
