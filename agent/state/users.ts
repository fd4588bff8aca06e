import { readFileSync, statSync } from 'node:fs';

type User = { readonly name: string; readonly home: string; readonly shell: string };

const MOST_LINES = 65_536;
const CHECK_MS = 2_000;

/** The host's users and groups by number, from /etc/passwd and /etc/group (passwd(5), group(5)); read again when they change. */
export type Users = {
  user(uid: number): User | undefined;
  groupName(gid: number): string | undefined;
};

export function makeUsers(nowMs: () => number, passwdPath = '/etc/passwd', groupPath = '/etc/group'): Users {
  const users = makeWatched(passwdPath, parsePasswd, nowMs);
  const groups = makeWatched(groupPath, parseGroup, nowMs);
  return { user: (uid) => users().get(uid), groupName: (gid) => groups().get(gid) };
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

/** Looks at the file's time at most every two seconds: whoever adds a user sees the name in alerts soon after. */
function makeWatched<T>(
  path: string,
  parse: (text: string) => Map<number, T>,
  nowMs: () => number,
): () => Map<number, T> {
  let table = new Map<number, T>();
  let changedMs = -1;
  let checkedMs = Number.NEGATIVE_INFINITY;
  return () => {
    if (nowMs() - checkedMs < CHECK_MS) return table;
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
    return table;
  };
}
