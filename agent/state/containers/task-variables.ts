import { textsOf } from './json.ts';

/** Of `NAME=value` entries, those by which Mesos and Marathon tell a task what it is; the rest may hold secrets. */
export function taskVariables(environment: unknown): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const entry of textsOf(environment) ?? []) {
    const at = entry.indexOf('=');
    if (/^(MESOS|MARATHON)_/.test(entry)) found.set(entry.slice(0, at), entry.slice(at + 1));
  }
  return found;
}
