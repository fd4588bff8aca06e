import { type ActionStep, actionSteps, type Playbook } from '#playbooks/language/playbook';
import type { RouterFile } from './router-file.ts';

/** What a person may answer with who looks at the console, the command line or the API. */
const CONSOLE = 'console';
/** Kinds of destinations that can ask. */
const asking: readonly (string | undefined)[] = ['chat', 'email'];
/** Kinds of destinations that a page may go on to. */
const paging: readonly (string | undefined)[] = ['page', 'chat', 'email'];

/**
 * What playbooks name and the configuration file does not have: destinations (where `via` is written out), groups of people,
 * and ways to ask them.
 */
export function findStrays(playbooks: readonly Playbook[], file: RouterFile): readonly string[] {
  return playbooks.flatMap((playbook) =>
    actionSteps(playbook).flatMap((step) =>
      [...strayVia(step, file), ...strayNext(step, file), ...strayApprove(step, file)].map(
        (found) => `playbook ${playbook.name}, step ${step.id}: ${found}`,
      ),
    ),
  );
}

function strayVia({ uses, via }: ActionStep, file: RouterFile): readonly string[] {
  if (via === undefined) return [];
  const kind = kindOf(via, file);
  if (kind === undefined) return [`there is no destination ${via}; there are: ${namesOf(file)}`];
  return kind === uses ? [] : [`${via} is a destination for ${kind}, not ${uses}`];
}

function strayNext({ next = [] }: ActionStep, file: RouterFile): readonly string[] {
  return next.flatMap((name): readonly string[] => {
    const kind = kindOf(name, file);
    if (kind === undefined) return [`next: there is no destination ${name}; there are: ${namesOf(file)}`];
    return paging.includes(kind) ? [] : [`next: ${name} is a destination for ${kind}, and wakes up nobody`];
  });
}

function strayApprove({ approve }: ActionStep, file: RouterFile): readonly string[] {
  if (approve === undefined) return [];
  const { people, groups, hooks, public_url } = file.people;
  const strangers = approve.by.filter((group) => !Object.hasOwn(groups, group));
  const there = Object.keys(groups).join(', ') || 'none; they are named in the configuration file (--config)';
  const ways = approve.via.flatMap((via): readonly string[] => {
    if (via === CONSOLE) return [];
    const kind = kindOf(via, file);
    if (kind === undefined)
      return [`approve.via: there is neither a way nor a destination ${via}; there are: ${CONSOLE}, ${namesOf(file)}`];
    if (!asking.includes(kind)) return [`approve.via: ${via} is a destination for ${kind}, and nobody answers there`];
    const hasButtons = kind === 'chat' && hooks.slack !== undefined;
    if (public_url === undefined && !hasButtons)
      return [`approve.via: ${via} sends a link, and public_url is missing in the configuration file`];
    const members = approve.by.flatMap((group) => groups[group] ?? []);
    if (kind === 'email' && members.every((person) => people[person]?.email === undefined))
      return [`approve.via: nobody in ${approve.by.join(', ')} has an e-mail address`];
    return [];
  });
  return [...strangers.map((group) => `approve.by: there is no group ${group}; there are: ${there}`), ...ways];
}

function kindOf(name: string, { destinations }: RouterFile): string | undefined {
  return destinations.find((one) => one.name === name)?.kind;
}

function namesOf({ destinations }: RouterFile): string {
  return destinations.map(({ name }) => name).join(', ') || 'none; they are named in the configuration file (--config)';
}
