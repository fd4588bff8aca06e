import { exec, first, host, inside, privileged, type RuleSet } from '../stimulus.ts';
import { publishedRules } from './folder.ts';

/** `falco-incubating_rules.yaml`. */
export const incubating: RuleSet = {
  name: 'incubating',
  paths: [publishedRules('falco-incubating_rules.yaml')],
  tuning: `
- list: namespace_scope_network_only_subnet
  items: [stimuli]
  override: {items: append}
`,
  cases: [
    {
      rule: 'Modify Shell Configuration File',
      fire: host('act open wc /root/.bashrc'),
      miss: host('as bash open wc /root/.bashrc; act open r /root/.bashrc; act open wc /root/bashrc'),
    },
    {
      rule: 'Schedule Cron Jobs',
      fire: host('act open wc /etc/cron.d/stimulus'),
      miss: host('act open r /etc/crontab; act open wc /etc/cro'),
    },
    {
      rule: 'Read ssh information',
      fire: host('mkdir -p /root/.ssh; act open rd /root/.ssh'),
      miss: host('mkdir -p /root/.ssh; as ssh open rd /root/.ssh; act open rd /root'),
    },
    {
      rule: 'DB program spawned process',
      fire: host('as mysqld run true'),
      miss: host('have postgres; as mysqld run postgres sleep 0; as mysqldump run true'),
    },
    {
      rule: 'Change thread namespace',
      fire: host('act setns /proc/self/ns/uts'),
      miss: host('as nsenter setns /proc/self/ns/uts; as runc setns /proc/self/ns/uts'),
    },
    {
      rule: 'Change namespace privileges via unshare',
      fire: inside('act unshare 0x10000000'),
      miss: privileged('act unshare 0x4000000'),
    },
    {
      rule: 'Launch Privileged Container',
      fire: first(['--privileged']),
      miss: first([]),
    },
    {
      rule: 'Launch Excessively Capable Container',
      fire: first(['--cap-add', 'SYS_PTRACE']),
      miss: first(['--cap-add', 'NET_BROADCAST']),
    },
    {
      rule: 'System procs network activity',
      fire: host('as ls tcp 203.0.113.7 80'),
      miss: host('as curl tcp 203.0.113.7 80; as ls try tcp 127.0.0.1 80; as id tcp 203.0.113.7 80'),
    },
    {
      rule: 'Program run with disallowed http proxy env',
      fire: host('have curl; env HTTP_PROXY=http://10.0.0.1:3128 curl sleep 200'),
      miss: host('have curl; env NO_PROXY=10.0.0.1 curl sleep 0; env HTTP_PROXY=http://10.0.0.1:3128 true'),
    },
    {
      rule: 'Unexpected UDP Traffic',
      fire: host('act udp 203.0.113.7 9999'),
      miss: host('act udp 203.0.113.7 53 + tcp 203.0.113.7 9999'),
    },
    {
      rule: 'Non sudo setuid',
      fire: host('act user 1 + setuid 1'),
      miss: host('act user 33 + setuid 33; as sudo user 1 + setuid 1'),
    },
    {
      rule: 'User mgmt binaries',
      fire: host('as useradd sleep 0'),
      miss: host('as chage sleep 0 -l; have useradd; as cron run useradd sleep 0; as su sleep 0'),
    },
    {
      rule: 'Create files below dev',
      fire: host('act open wc /dev/stimulus-$$ + unlink /dev/stimulus-$$'),
      miss: host('act open wc /dev/null; act open wc /dev/shm/stimulus-$$ + unlink /dev/shm/stimulus-$$'),
    },
    {
      rule: 'Contact EC2 Instance Metadata Service From Container',
      fire: inside('act tcp 169.254.169.254 80'),
      miss: inside('act tcp 198.51.100.9 80'),
    },
    {
      rule: 'Contact cloud metadata service from container',
      fire: inside('act udp 169.254.169.254 53'),
      miss: host('act udp 169.254.169.254 53'),
    },
    {
      rule: 'Launch Package Management Process in Container',
      fire: inside('as apk sleep 0'),
      miss: inside('as apkx sleep 0'),
    },
    {
      rule: 'Launch Suspicious Network Tool in Container',
      fire: inside('as nmap sleep 0'),
      miss: inside('as nmapx sleep 0'),
    },
    {
      rule: 'Launch Suspicious Network Tool on Host',
      fire: host('as nmap sleep 0'),
      miss: inside('as nmap sleep 0'),
    },
    {
      rule: 'Delete or rename shell history',
      fire: host('act open wc /root/.bash_history + unlink /root/.bash_history'),
      miss: host('act open wca /root/.bash_history + open wc list + unlink list'),
    },
    {
      rule: 'Set Setuid or Setgid bit',
      fire: host('act open wc program + chmod 4755 program'),
      miss: host('act open wc program + chmod 755 program + chmod 1777 program'),
    },
    {
      rule: 'Launch Remote File Copy Tools in Container',
      fire: inside('as rsync sleep 0'),
      miss: inside('as rsyncd sleep 0'),
    },
    {
      rule: 'Network Connection outside Local Subnet',
      fire: inside('act tcp 203.0.113.7 443', 'pod'),
      miss: inside('act tcp 10.1.2.9 443', 'pod'),
    },
    {
      rule: 'Mount Launched in Privileged Container',
      fire: privileged('mkdir here; /bin/mount -t tmpfs tmpfs here'),
      miss: privileged('/bin/mount >/dev/null; as mounts sleep 0'),
    },
    {
      rule: 'Launch Ingress Remote File Copy Tools in Container',
      fire: inside('as curl sleep 0 -o file'),
      miss: inside('as curl sleep 0 file'),
    },
    {
      rule: 'Read environment variable from /proc files',
      fire: inside('act open r /proc/1/environ'),
      miss: inside('act open r /proc/1/status'),
    },
    {
      rule: 'Exfiltrating Artifacts via Kubernetes Control Plane',
      fire: exec([], 'have tar; exec $programs/tar open r /bin/busybox + run $mark'),
      miss: exec([], 'as tar open r /bin/busybox'),
    },
    {
      rule: 'Adding ssh keys to authorized_keys',
      fire: host('mkdir -p /root/.ssh; act open wc /root/.ssh/authorized_keys'),
      miss: host(
        'mkdir -p /root/.ssh; act open wc /root/.ssh/known_hosts; as ssh-keygen open wc /root/.ssh/authorized_keys',
      ),
    },
    {
      rule: 'Potential Local Privilege Escalation via Environment Variables Misuse',
      fire: host('env GLIBC_TUNABLES=glibc.malloc.check=1 act sleep 200'),
      miss: host('env GLIBC_TUNABLE=glibc.malloc.check=1 act sleep 200'),
    },
    {
      rule: 'Backdoored library loaded into SSHD (CVE-2024-3094)',
      fire: host('touch /usr/lib/liblzma.so.5.6.1; as sshd open r /usr/lib/liblzma.so.5.6.1'),
      miss: host(
        'touch /usr/lib/liblzma.so.5.6.1 /usr/lib/liblzma.so.5.6.2; as sshd open r /usr/lib/liblzma.so.5.6.2; as ssh open r /usr/lib/liblzma.so.5.6.1',
      ),
    },
    {
      rule: 'BPF Program Not Profiled',
      fire: host('act bpf load'),
      miss: host('act bpf map; as bpftool bpf load'),
    },
  ],
};
