import { type Case, host } from '../stimulus.ts';

/** `rules/persistence.yaml`. */
export const persistence: readonly Case[] = [
  {
    rule: 'Scheduled job written',
    fire: host('act open wc /etc/cron.d/stimulus'),
    miss: host('act open r /etc/crontab; as crontab open wc /etc/cron.d/stimulus'),
  },
  {
    rule: 'Authorized keys written',
    fire: host('mkdir -p /root/.ssh; act open wc /root/.ssh/authorized_keys'),
    miss: host('mkdir -p /root/.ssh; act open wc /root/.ssh/known_hosts + open rc /root/.ssh/authorized_keys'),
  },
  {
    rule: 'Shell start-up file written',
    fire: host('act open wc /etc/profile.d/stimulus.sh'),
    miss: host('act open r /etc/profile; as vim open wc /etc/profile.d/stimulus.sh'),
  },
  {
    rule: 'Service definition written',
    fire: host('mkdir -p /etc/systemd/system; act open wc /etc/systemd/system/stimulus.service'),
    miss: host('mkdir -p /etc/systemd/system; as systemctl open wc /etc/systemd/system/stimulus.service'),
  },
  {
    rule: 'Preload library configured',
    fire: host('act open wc /etc/ld.so.preload'),
    miss: host('act open wc /etc/ld.so.preloads + open r /etc/ld.so.cache'),
  },
  {
    rule: 'File put where it starts or admits somebody',
    // Within one file system: from elsewhere, mv copies.
    fire: host('act open wc /etc/stimulus + rename /etc/stimulus /etc/cron.d/stimulus'),
    miss: host(
      'act open wc /etc/stimulus + rename /etc/stimulus /etc/stimulus.conf; as crontab open wc /etc/x + rename /etc/x /etc/cron.d/x',
    ),
  },
  {
    rule: 'Setuid bit set',
    fire: host('act open wc program + fchmod 4755'),
    miss: host('act open wc program + fchmod 755 + chmod 1777 program; as install open wc other + chmod 4755 other'),
  },
  {
    rule: 'Login configuration written',
    fire: host('act open wc /etc/pam.d/stimulus'),
    miss: host('act open r /etc/pam.d/login; as pam-auth-update open wc /etc/pam.d/stimulus'),
  },
  {
    // They live for a moment: the environment is read from /proc.
    rule: 'Library preloaded by environment',
    fire: host('env LD_PRELOAD=/tmp/stimulus.so $act sleep 200'),
    miss: host('env LD_PRELOAD_NOT=/tmp/stimulus.so $act sleep 200'),
  },
];
