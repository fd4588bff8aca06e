import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Filled, Secrets } from '#playbooks/language/playbook';
import type { ClusterSecrets } from './cluster-secrets.ts';

const MOST_LENGTH = 64 * 1024;
const MOST_DEPTH = 8;

/**
 * `%{secret.NAME}`: the file NAME in the secrets folder, else the variable LANNER_SECRET_NAME. Read when it is needed, so
 * that a rotated secret counts at once. Those that the configuration takes from a cluster are there and nowhere else. NAME holds letters, digits and `_` only, so it cannot leave the folder.
 */
export function makeSecrets(
  folder: string,
  environment: Readonly<Record<string, string | undefined>>,
  cluster?: ClusterSecrets,
): Secrets {
  return (name) => {
    if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name)) return undefined;
    if (cluster?.isNamed(name) === true) return cluster.find(name);
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

/** The settings of a destination with their `%{secret.NAME}` filled in; nothing else is a template there. */
export function fillSecrets(
  settings: unknown,
  secrets: Secrets,
): Omit<Filled & { ok: true }, 'masked'> | MissingSecret {
  const used: string[] = [];
  const missing: string[] = [];
  const fill = (value: unknown, depth: number): unknown => {
    if (typeof value === 'string')
      return value.replace(/%\{secret\.([A-Za-z_]\w*)\}/g, (_, name: string) => {
        const secret = secrets(name);
        if (secret === undefined) missing.push(name);
        else used.push(secret);
        return secret ?? '';
      });
    if (depth > MOST_DEPTH || typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map((item) => fill(item, depth + 1));
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item, depth + 1)]));
  };
  const value = fill(settings, 0);
  const [first] = missing;
  return first === undefined
    ? { ok: true, value, secrets: used }
    : { ok: false, reason: `there is no secret ${first}` };
}

type MissingSecret = { readonly ok: false; readonly reason: string };
