import { actionSteps, type Playbook } from '#playbooks/language/playbook';
import type { Destination } from './router-file.ts';

/** Steps whose `via` is written out and names no destination, or one of another kind. */
export function findStrayVias(playbooks: readonly Playbook[], destinations: readonly Destination[]): readonly string[] {
  const kinds = new Map(destinations.map(({ name, kind }) => [name, kind]));
  const there = [...kinds.keys()].join(', ') || 'none; they are named in the configuration file (--config)';
  return playbooks.flatMap((playbook) =>
    actionSteps(playbook).flatMap(({ id, uses, via }) => {
      if (via === undefined) return [];
      const place = `playbook ${playbook.name}, step ${id}`;
      const kind = kinds.get(via);
      if (kind === undefined) return [`${place}: there is no destination ${via}; there are: ${there}`];
      return kind === uses ? [] : [`${place}: ${via} is a destination for ${kind}, not ${uses}`];
    }),
  );
}
