import { type Case, host, inside } from '../stimulus.ts';

const tokens = '/run/secrets/kubernetes.io/serviceaccount';

/** `rules/files.yaml`. */
export const files: readonly Case[] = [
  {
    rule: 'Sensitive file read',
    fire: host('act open r /etc/shadow'),
    miss: host('act open r /etc/passwd; as passwd open r /etc/shadow; act user 33 + try open r /etc/shadow'),
  },
  {
    rule: 'Private key read',
    fire: host('mkdir -p /root/.ssh; touch /root/.ssh/id_rsa; act open r /root/.ssh/id_rsa'),
    miss: host(
      'mkdir -p /root/.ssh; touch /root/.ssh/id_rsa.pub; act open r /root/.ssh/id_rsa.pub; as ssh open r /root/.ssh/id_rsa.pub',
    ),
  },
  {
    rule: 'Cloud credentials read',
    fire: host('mkdir -p /root/.aws; touch /root/.aws/credentials; as cat open r /root/.aws/credentials'),
    miss: host('mkdir -p /root/.aws; touch /root/.aws/credentials; as aws open r /root/.aws/credentials'),
  },
  {
    rule: 'Environment of another process read',
    fire: host('as cat open r /proc/$$/environ'),
    miss: host('as cat open r /proc/self/environ; as cat open r /proc/$$/status'),
  },
  {
    rule: 'File created below dev',
    fire: host('act open wcx /dev/stimulus-$$ + unlink /dev/stimulus-$$'),
    miss: host('act open wc /dev/null; act open wcx /dev/shm/stimulus-$$ + unlink /dev/shm/stimulus-$$'),
  },
  {
    rule: 'System binary written',
    fire: host('act open wc /usr/bin/stimulus'),
    miss: host('act open r /usr/bin/env; as dpkg open wc /usr/bin/stimulus; act open wc /usr/local/stimulus'),
  },
  {
    rule: 'Account database written',
    fire: host('act open w /etc/passwd'),
    miss: host('act open r /etc/passwd; as useradd open w /etc/passwd; act open wc /etc/passwords'),
  },
  {
    rule: 'Kernel memory opened',
    // The null device under the name: this kernel has neither /dev/mem nor /proc/kcore.
    fire: inside('[ -e /dev/mem ] || /bin/busybox mknod /dev/mem c 1 3; act open r /dev/mem'),
    miss: inside(
      '[ -e /dev/mem ] || /bin/busybox mknod /dev/mem c 1 3; as crash open r /dev/mem; act open r /dev/null',
    ),
  },
  {
    rule: 'Service account token read',
    fire: inside(`mkdir -p ${tokens}; touch ${tokens}/token; as cat open r ${tokens}/token`),
    miss: inside(`mkdir -p ${tokens}; touch ${tokens}/token; act open r ${tokens}/token`),
  },
];
