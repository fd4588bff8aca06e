import { type Case, host } from '../stimulus.ts';

/** `rules/servers.yaml`. */
export const servers: readonly Case[] = [
  {
    rule: 'Server spawned a shell',
    fire: host('as nginx run sh -c ":; :"'),
    miss: host('as nginx run true; as nginx run sh -c true; act run sh -c ":; :"'),
  },
  {
    rule: 'Server spawned an unexpected program',
    fire: host('have whoami; as postgres run whoami sleep 0'),
    miss: host('have whoami; as postgres run $act sleep 0; as pgbench run whoami sleep 0'),
  },
  {
    rule: 'Database server wrote a program',
    fire: host('as redis-server open wc module.so'),
    miss: host('as redis-server open wc dump.rdb; act open wc module.so; as redis-server open r module.so'),
  },
];
