import { linkOfProcess } from '../events/process-link.ts';
import type { Verdict } from './atoms.ts';
import type { PathLiteral } from './literals.ts';
import type { Projection } from './project.ts';

/**
 * Whether a rule may match the open of a process's own link (`linkOfProcess`): fields of the descriptor's name are the
 * link as it was given, all others may be anything.
 */
export function mayHoldOfLink(projection: Projection, features: number, literals: readonly PathLiteral[]): boolean {
  switch (projection.kind) {
    case 'always':
      return true;
    case 'never':
      return false;
    case 'feature':
      return projection.mayHold(features);
    case 'path': {
      const literal = literals[projection.literal];
      const verdict = literal === undefined || projection.of === 'file' ? 'open' : verdictOf(literal);
      return verdict === 'open' || (verdict === 'yes') === projection.positive;
    }
    case 'and':
      return projection.children.every((child) => mayHoldOfLink(child, features, literals));
    case 'or':
      return projection.children.some((child) => mayHoldOfLink(child, features, literals));
  }
}

/** What the literal is of links: of all, of none, or of some perhaps. */
function verdictOf({ kind, texts }: PathLiteral): Verdict {
  const verdicts = texts.map(readerOf[kind]);
  if (verdicts.includes('yes')) return 'yes';
  return verdicts.includes('open') ? 'open' : 'no';
}

/** How every link begins. */
const BEGINNING = '/proc/';
/** Bytes that no link has. */
const strange = /[^/procselfthad\-k0-9x]/;

const begins = (text: string): Verdict =>
  BEGINNING.startsWith(text) ? 'yes' : text.startsWith(BEGINNING) ? 'open' : 'no';
const mayHave = (text: string): Verdict => (strange.test(text) ? 'no' : 'open');

const readerOf: Readonly<Record<PathLiteral['kind'], (text: string) => Verdict>> = {
  whole: (text) => (linkOfProcess.test(text) ? 'open' : 'no'),
  prefix: begins,
  under: (text) => (linkOfProcess.test(text) ? 'open' : begins(`${text}/`)),
  folder: (text) => (text.startsWith(BEGINNING) ? 'open' : 'no'),
  'folder-prefix': begins,
  suffix: mayHave,
  inside: mayHave,
  // In brackets and behind a backslash any byte may stand for another.
  glob: (text) => (/[[\]\\]/.test(text) ? 'open' : mayHave(text.replaceAll(/[*?]/g, ''))),
};
