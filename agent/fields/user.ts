import type { ReaderTable, Scene } from './scene.ts';

const UNSET = 0xffff_ffff;

/**
 * The host's name of a user. A container has a user database of its own: there, only root is the same everywhere, and
 * another number would be given a name that has nothing to do with it.
 */
function userOf({ around, container }: Scene, uid: number) {
  return container === undefined || uid === 0 ? around.users.user(uid) : undefined;
}

function groupOf({ around, container }: Scene, gid: number): string | undefined {
  return container === undefined || gid === 0 ? around.users.groupName(gid) : undefined;
}

/** Fields of the user and group that the process runs as, and of who logged in. */
export const userFields = {
  'user.uid': { read: ({ event }) => event.uid },
  'user.name': { read: (scene) => userOf(scene, scene.event.uid)?.name },
  'user.homedir': { read: (scene) => userOf(scene, scene.event.uid)?.home },
  'user.shell': { read: (scene) => userOf(scene, scene.event.uid)?.shell },
  'user.loginuid': { read: ({ event }) => (event.loginUid === UNSET ? -1 : event.loginUid) },
  // Whoever logged in did so on the host, also when the process runs in a container.
  'user.loginname': { read: ({ event, around }) => around.users.user(event.loginUid)?.name },
  'group.gid': { read: ({ event }) => event.gid },
  'group.name': { read: (scene) => groupOf(scene, scene.event.gid) },
} as const satisfies ReaderTable;
