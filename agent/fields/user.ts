import type { User, Users } from '../state/users.ts';
import type { ReaderTable, Scene } from './scene.ts';

const UNSET = 0xffff_ffff;

/**
 * A container has a user database of its own, and the host's would give its numbers names that have nothing to do with
 * them. Only root is the same everywhere, also in an image without any users.
 */
function usersOf({ around, container, process }: Scene): Users | undefined {
  if (container === undefined) return around.users;
  if (process === undefined) return undefined;
  // Whoever ended at once cannot be asked; who started it in the same container mostly can.
  const before = around.processes.ancestors(process).filter(({ context }) => context.cgroup === process.context.cgroup);
  return around.usersOf(container.id, [process, ...before]);
}

const userOf = (scene: Scene, uid: number): User | undefined =>
  usersOf(scene)?.user(uid) ?? (uid === 0 ? scene.around.users.user(uid) : undefined);

const groupOf = (scene: Scene, gid: number): string | undefined =>
  usersOf(scene)?.groupName(gid) ?? (gid === 0 ? scene.around.users.groupName(gid) : undefined);

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
