import { type Case, exec, first, host, inside } from '../stimulus.ts';

/** `rules/containers.yaml`. */
export const containers: readonly Case[] = [
  {
    rule: 'Terminal shell in container',
    fire: exec(['--tty'], ':'),
    miss: exec([], ':'),
  },
  {
    rule: 'Shell in container',
    fire: exec([], ':'),
    miss: host('sh -c "true; true"'),
  },
  {
    rule: 'Privileged container started',
    fire: first(['--privileged']),
    miss: first(['--cap-add', 'SYS_ADMIN']),
  },
  {
    rule: 'Container with a sensitive mount',
    fire: first(['--volume', '/etc:/settings:ro']),
    miss: first(['--volume', '/opt:/opt:ro']),
  },
  {
    rule: 'Package manager in container',
    fire: exec(['--tty'], 'as apk sleep 0'),
    miss: exec([], 'as apk sleep 0'),
  },
  {
    rule: 'New program executed in container',
    fire: inside('cp $act dropped; ./dropped sleep 0'),
    miss: inside('/bin/busybox true; act sleep 0'),
  },
  {
    rule: 'Container client in container',
    fire: inside('as kubectl sleep 0'),
    miss: inside('as kubelet sleep 0'),
  },
  {
    rule: 'Engine socket used in container',
    fire: inside('act try unix /run/docker.sock'),
    miss: inside('act try unix /run/app.sock'),
  },
  {
    rule: 'Metadata service contacted from container',
    fire: inside('act tcp 169.254.169.254 80'),
    miss: inside('act tcp 198.51.100.9 80'),
  },
  {
    rule: 'Network tool in container',
    fire: inside('as nmap sleep 0'),
    miss: inside('as nmap-notes sleep 0'),
  },
  {
    rule: 'Escape tool in container',
    fire: inside('as cdk sleep 0'),
    miss: inside('as cdk-deploy sleep 0'),
  },
];
