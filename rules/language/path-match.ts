import { compilePathPrefixes } from './automaton.ts';
import { compileGlob } from './glob.ts';

/**
 * `pmatch`: whether one of the paths is a component-wise prefix of the value. Empty components do not count, so `/`
 * matches everything; components with `?`, `*` or `[` are globs for one component.
 */
export function compilePathMatch(paths: readonly string[]): (value: string) => boolean {
  const patterns = paths.map(splitPath);
  if (patterns.some((pattern) => pattern.length === 0)) return () => true;
  const isPlain = (pattern: readonly string[]): boolean => !pattern.some((component) => /[?*[]/.test(component));
  const plain = patterns.filter(isPlain);
  const globs = patterns
    .filter((pattern) => !isPlain(pattern))
    .map((pattern) => pattern.map((component) => compileGlob(component)));
  const matchesPlain = compilePlain(plain.map((pattern) => `/${pattern.join('/')}`));
  return (value) => {
    if (matchesPlain?.(normalize(value)) === true) return true;
    if (globs.length === 0) return false;
    const components = splitPath(value);
    return globs.some(
      (pattern) =>
        pattern.length <= components.length && pattern.every((matches, index) => matches(components[index] ?? '')),
    );
  };
}

function compilePlain(paths: readonly string[]): ((value: string) => boolean) | undefined {
  const [first, second] = paths;
  if (first === undefined || second !== undefined) return first === undefined ? undefined : compilePathPrefixes(paths);
  const below = `${first}/`;
  return (value) => value === first || value.startsWith(below);
}

function splitPath(path: string): readonly string[] {
  return path.split('/').filter((component) => component !== '');
}

function normalize(path: string): string {
  if (path.startsWith('/') && !path.includes('//')) return path;
  return `/${splitPath(path).join('/')}`;
}
