import { readFileSync, statSync } from 'node:fs';

export type User = { readonly name: string; readonly home: string; readonly shell: string };

const MOST_LINES = 65_536;
const CHECK_MS = 2_000;
/** Whoever is not known may have been added just now. */
const CHECK_MISSING_MS = 50;

/** The host's users and groups by number, from /etc/passwd and /etc/group (passwd(5), group(5)); read again when they change. */
export type Users = {
  user(uid: number): User | undefined;
  groupName(gid: number): string | undefined;
};

export function makeUsers(nowMs: () => number, passwdPath = '/etc/passwd', groupPath = '/etc/group'): Users {
  const users = makeWatched(passwdPath, parsePasswd, nowMs);
  const groups = makeWatched(groupPath, parseGroup, nowMs);
  return { user: (uid) => users(uid), groupName: (gid) => groups(gid) };
}

export function parsePasswd(text: string): Map<number, User> {
  const users = new Map<number, User>();
  for (const line of text.split('\n', MOST_LINES)) {
    const [name, , uid, , , home, shell] = line.split(':');
    if (name === undefined || uid === undefined || !/^\d+$/.test(uid) || users.has(Number(uid))) continue;
    users.set(Number(uid), { name, home: home ?? '', shell: shell ?? '' });
  }
  return users;
}

export function parseGroup(text: string): Map<number, string> {
  const groups = new Map<number, string>();
  for (const line of text.split('\n', MOST_LINES)) {
    const [name, , gid] = line.split(':');
    if (name === undefined || gid === undefined || !/^\d+$/.test(gid) || groups.has(Number(gid))) continue;
    groups.set(Number(gid), name);
  }
  return groups;
}

/** Looks at the file's time every two seconds, and at once for a number that is not known: a new user has a name soon. */
function makeWatched<T>(
  path: string,
  parse: (text: string) => Map<number, T>,
  nowMs: () => number,
): (id: number) => T | undefined {
  let table = new Map<number, T>();
  let changedMs = -1;
  let checkedMs = Number.NEGATIVE_INFINITY;
  return (id) => {
    const known = table.get(id);
    if (nowMs() - checkedMs < (known === undefined ? CHECK_MISSING_MS : CHECK_MS)) return known;
    checkedMs = nowMs();
    try {
      const { mtimeMs } = statSync(path);
      if (mtimeMs !== changedMs) {
        table = parse(readFileSync(path, 'latin1'));
        changedMs = mtimeMs;
      }
    } catch {
      // Replaced by rename at this very moment, or absent (a minimal image): names stay as they were.
    }
    return table.get(id);
  };
}
