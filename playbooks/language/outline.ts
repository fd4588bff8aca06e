import type { Path } from './written.ts';

/** A step that may be written wrongly: what can be made out of it, so that its other mistakes are found as well. */
export type LooseStep = {
  readonly path: Path;
  readonly id: string;
  readonly uses: string | undefined;
  readonly with: Readonly<Record<string, unknown>>;
  readonly where: unknown;
  readonly hasGuard: boolean;
  readonly hasUndo: boolean;
  readonly hasApproval: boolean;
  readonly foreach: unknown;
  /** Empty where none are. */
  readonly parallel: readonly LooseStep[];
  readonly remedy: readonly LooseStep[];
};

export type Outline = { readonly steps: readonly LooseStep[]; readonly last: readonly LooseStep[] };

/** More than the schema lets pass are not looked at. */
const MOST_LOOKED_AT = 1_000;

export function outlineOf(value: unknown): Outline {
  const playbook = mapOf(value);
  return { steps: stepsOf(playbook['steps'], ['steps'], 0), last: stepsOf(playbook['finally'], ['finally'], 0) };
}

function stepsOf(value: unknown, path: Path, depth: number): readonly LooseStep[] {
  if (!Array.isArray(value) || depth > 2) return [];
  return value.slice(0, MOST_LOOKED_AT).map((item: unknown, index): LooseStep => {
    const step = mapOf(item);
    const at = [...path, index];
    const { id, uses } = step;
    return {
      path: at,
      id: typeof id === 'string' ? id : '',
      uses: typeof uses === 'string' ? uses : undefined,
      with: mapOf(step['with']),
      where: step['where'],
      hasGuard: typeof step['if'] === 'string',
      hasUndo: step['undo_after'] !== undefined,
      hasApproval: step['approve'] !== undefined,
      foreach: step['foreach'],
      parallel: stepsOf(step['parallel'], [...at, 'parallel'], depth + 1),
      remedy: stepsOf(step['on_error'], [...at, 'on_error'], depth + 1),
    };
  });
}

export function mapOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}
