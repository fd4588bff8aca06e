import type { Reader, Scene } from './scene.ts';

type LabelsOf = (scene: Scene) => ReadonlyMap<string, string> | undefined;

/** `key:value, key:value`; missing when there are none. */
export function writeLabels(labels: ReadonlyMap<string, string> | undefined): string | undefined {
  if (labels === undefined || labels.size === 0) return undefined;
  return [...labels].map(([key, value]) => `${key}:${value}`).join(', ');
}

/** `field[key]`: the value of one label. */
export const oneLabel = (labelsOf: LabelsOf) => ({
  bind: (key: string | number | undefined): Reader | undefined =>
    key === undefined ? undefined : (scene) => labelsOf(scene)?.get(String(key)),
});
