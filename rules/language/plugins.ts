import type { Diagnostic } from './diagnostic.ts';
import { isCompatible } from './item-value.ts';
import type { PluginRequirement } from './rules-file.ts';

type Version = readonly [number, number, number];

/** What is a plugin elsewhere and built in here, as of the version that Falco 0.44 came with (falcosecurity/falco#3967). */
const builtInPlugins: ReadonlyMap<string, Version> = new Map([['container', [0, 7, 1]]]);

/**
 * Requirements of rule files that are not met: of each, the first plugin that is there decides, and one must be. Loading
 * does not ask; whoever runs the rules does.
 */
export function unmetPlugins(
  requirements: readonly PluginRequirement[],
  loaded: ReadonlyMap<string, Version> = builtInPlugins,
): readonly Diagnostic[] {
  return requirements.flatMap((requirement): readonly Diagnostic[] => {
    const wanted = [requirement, ...requirement.alternatives];
    const found = wanted.find(({ name }) => loaded.has(name));
    const own = found && loaded.get(found.name);
    if (found !== undefined && own !== undefined && isCompatible(readVersion(found.version), own)) return [];
    const names = wanted.map(({ name, version }) => `${name} ${version}`).join(' or ');
    const has = found === undefined ? 'none of it is here' : `${found.name} is ${own?.join('.')} here`;
    const { source, span } = requirement.at;
    return [{ code: 'LOAD_ERR_VALIDATE', message: `these rules require plugin ${names}; ${has}`, source, span }];
  });
}

/** What follows the third number is ignored. */
function readVersion(text: string): readonly number[] {
  return (/^(\d+)\.(\d+)\.(\d+)/.exec(text) ?? []).slice(1).map(Number);
}
