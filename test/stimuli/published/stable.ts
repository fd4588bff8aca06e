import { exec, host, inside, privileged, type RuleSet } from '../stimulus.ts';
import { publishedRules } from './folder.ts';

/** `falco_rules.yaml`. */
export const stable: RuleSet = {
  name: 'stable',
  paths: [publishedRules('falco_rules.yaml')],
  cases: [
    {
      rule: 'Directory traversal monitored file read',
      fire: host('act run $act open r /etc/../etc/../etc/passwd'),
      miss: host('act run $act open r /etc/../etc/passwd'),
    },
    {
      rule: 'Read sensitive file trusted after startup',
      fire: host('as nginx sleep 5100 + open r /etc/shadow'),
      miss: host('as nginx open r /etc/shadow'),
    },
    {
      rule: 'Read sensitive file untrusted',
      fire: host('act open r /etc/shadow'),
      miss: host('as sshd open r /etc/shadow + open r /etc/passwd; act open r /etc/passwd'),
    },
    {
      rule: 'Run shell untrusted',
      fire: host('as nginx run sh -c "true; true"'),
      miss: host('as nginx run true; as caddy run sh -c "true; true"'),
    },
    {
      rule: 'System user interactive',
      fire: host('as sshd user 1 + run true'),
      miss: host('as sshd run true; act user 1 + run true'),
    },
    {
      rule: 'Terminal shell in container',
      fire: exec(['--tty'], ':'),
      miss: exec([], ':'),
    },
    {
      rule: 'Contact K8S API Server From Container',
      fire: inside('act tcp 198.51.100.10 443'),
      miss: inside('act tcp 198.51.100.11 443'),
    },
    {
      rule: 'Netcat Remote Code Execution in Container',
      fire: inside('as nc try open r /-e -e; as ncat try open r --exec'),
      miss: inside('as nc try open r /nowhere; as ncat try open r -x'),
    },
    {
      rule: 'Search Private Keys or Passwords',
      fire: host('find /var/empty /tmp/none -name id_rsa || true'),
      miss: host('find /tmp/none -name id_card || true'),
    },
    {
      rule: 'Clear Log Activities',
      fire: host('act open wct /var/log/syslog'),
      miss: host('act open wca /var/log/syslog'),
    },
    {
      rule: 'Remove Bulk Data from Disk',
      fire: host('as shred sleep 0'),
      miss: host('as shredder sleep 0'),
    },
    {
      rule: 'Create Symlink Over Sensitive Files',
      fire: host('act symlink /etc/shadow here'),
      miss: host('act symlink /etc/hosts there'),
    },
    {
      rule: 'Create Hardlink Over Sensitive Files',
      fire: host('act link /etc/shadow /etc/shadow-link'),
      miss: host('act link /etc/hosts /etc/hosts-link'),
    },
    {
      rule: 'Packet socket created in container',
      fire: inside('act socket 17 3'),
      miss: inside('act socket 2 1'),
    },
    {
      rule: 'Redirect STDOUT/STDIN to Network Connection in Container',
      fire: inside('act serve 127.0.0.1 7001 x + dup 0'),
      miss: inside('act serve 127.0.0.1 7001 x + dup 7 + open r /bin/busybox + dup 0'),
    },
    {
      rule: 'Linux Kernel Module Injection Detected',
      fire: privileged('act try module x'),
      miss: inside('act try module x'),
    },
    {
      rule: 'Debugfs Launched in Privileged Container',
      fire: privileged('as debugfs sleep 0'),
      miss: inside('as debugfs sleep 0'),
    },
    {
      rule: 'Detect release_agent File Container Escapes',
      fire: privileged('act open wc release_agent'),
      miss: inside('act open wc release_agent'),
    },
    {
      rule: 'PTRACE attached to process',
      fire: host('act ptrace attach'),
      miss: host('act ptrace peek + ptrace traceme'),
    },
    {
      rule: 'PTRACE anti-debug attempt',
      fire: host('act ptrace traceme'),
      miss: host('act ptrace attach'),
    },
    {
      rule: 'Find AWS Credentials',
      fire: host('grep -q AWS_SECRET_access_key /etc/hostname || true'),
      miss: host('grep -q aws_region /etc/hostname || true'),
    },
    {
      rule: 'Execution from /dev/shm',
      fire: host('cp /bin/true /dev/shm/$$-stimulus; /dev/shm/$$-stimulus; rm /dev/shm/$$-stimulus'),
      miss: host('cp /bin/true ./stimulus; ./stimulus'),
    },
    {
      rule: 'Drop and execute new binary in container',
      fire: inside('cp $act dropped; ./dropped sleep 0'),
      miss: inside('true; act sleep 0'),
    },
    {
      rule: 'Disallowed SSH Connection Non Standard Port',
      fire: host('as ssh tcp 203.0.113.7 443'),
      miss: host('as ssh tcp 203.0.113.7 22 + tcp 10.1.2.3 443; act tcp 203.0.113.7 443'),
    },
    {
      rule: 'Fileless execution via memfd_create',
      fire: host('act memfd /bin/true'),
      miss: host('act exec /bin/true'),
    },
  ],
};
