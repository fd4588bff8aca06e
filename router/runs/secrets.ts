import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Secrets } from '#playbooks/language/playbook';

const MOST_LENGTH = 64 * 1024;

/**
 * `%{secret.NAME}`: the file NAME in the secrets folder, else the variable LANNER_SECRET_NAME. Read when it is needed, so
 * that a rotated secret counts at once. NAME holds letters, digits and `_` only, so it cannot leave the folder.
 */
export function makeSecrets(folder: string, environment: Readonly<Record<string, string | undefined>>): Secrets {
  return (name) => {
    if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name)) return undefined;
    try {
      const text = readFileSync(join(folder, name), 'utf8').replace(/\n$/, '');
      // Half a key opens nothing, and the error would come from the other side.
      return text.length > MOST_LENGTH ? undefined : text;
    } catch {
      // Not kept as a file, or not readable: the environment is the other place.
      return environment[`LANNER_SECRET_${name}`];
    }
  };
}
