import { first, host, inside, privileged, type RuleSet } from '../stimulus.ts';
import { publishedRules } from './folder.ts';

/** `falco-sandbox_rules.yaml`. */
export const sandbox: RuleSet = {
  name: 'sandbox',
  paths: [publishedRules('falco-sandbox_rules.yaml')],
  tuning: `
- macro: allowed_containers
  condition: (container.privileged = false)
`,
  cases: [
    {
      rule: 'Unexpected inbound connection source',
      fire: host('act serve 203.0.113.1 7001 x'),
      miss: host('act serve 10.1.2.3 7002 x + serve 127.0.0.1 7003 x'),
    },
    {
      rule: 'Read Shell Configuration File',
      fire: host('touch /root/.bashrc; act open r /root/.bashrc'),
      miss: host('touch /root/.bashrc; as bash open r /root/.bashrc; act open r /etc/hostname'),
    },
    {
      rule: 'Update Package Repository',
      fire: host('act open wc /etc/apt/sources.list.d/stimulus.list'),
      miss: host(
        'as apt open wc /etc/apt/sources.list.d/stimulus.list; act open r /etc/apt/sources.list.d/stimulus.list',
      ),
    },
    {
      rule: 'Write below binary dir',
      fire: host('act open wc /usr/bin/stimulus'),
      miss: host('act open r /usr/bin/env + open wc /usr/bin-stimulus; as dpkg open wc /usr/bin/stimulus'),
    },
    {
      rule: 'Write below monitored dir',
      fire: host('act open wc /usr/local/lib/stimulus'),
      miss: host('act open wc /usr/local/stimulus; as dpkg open wc /usr/local/lib/stimulus'),
    },
    {
      rule: 'Write below etc',
      fire: host('act open wc /etc/stimulus'),
      miss: host('act open r /etc/hosts; as ldconfig open wc /etc/stimulus'),
    },
    {
      rule: 'Write below root',
      fire: host('act open wc /root/stimulus'),
      miss: host('act open wc /root/.bash_history; act open wc /home/stimulus'),
    },
    {
      rule: 'Write below rpm database',
      fire: host('mkdir -p /var/lib/rpm; act open wc /var/lib/rpm/stimulus'),
      miss: host('mkdir -p /var/lib/rpm; as rpm open wc /var/lib/rpm/stimulus; act open r /var/lib/rpm/stimulus'),
    },
    {
      rule: 'Modify binary dirs',
      fire: host('act open wc /usr/bin/stimulus + rename /usr/bin/stimulus /usr/bin/other'),
      miss: host('act open wc one + rename one two + unlink two; as dpkg open wc /usr/bin/one + unlink /usr/bin/one'),
    },
    {
      rule: 'Mkdir binary dirs',
      fire: host('act mkdir /usr/sbin/stimulus'),
      miss: host('act mkdir /usr/stimulus; as apk mkdir /usr/sbin/other'),
    },
    {
      rule: 'Launch Sensitive Mount Container',
      fire: first(['--volume', '/etc:/settings:ro']),
      miss: first(['--volume', '/opt:/opt:ro']),
    },
    {
      rule: 'Launch Disallowed Container',
      fire: first(['--privileged']),
      miss: first([]),
    },
    {
      rule: 'Interpreted procs inbound network activity',
      fire: host('as python3 serve 203.0.113.1 7004 x'),
      miss: host('act serve 203.0.113.1 7005 x; as python3 serve 127.0.0.1 7006 x'),
    },
    {
      rule: 'Interpreted procs outbound network activity',
      fire: host('as perl tcp 203.0.113.7 80'),
      miss: host('as perl tcp 10.1.2.9 80; act tcp 203.0.113.7 80'),
    },
    {
      rule: 'Unexpected K8s NodePort Connection',
      fire: inside('act tcp 203.0.113.7 30080'),
      miss: inside('act tcp 203.0.113.7 29999 + tcp 203.0.113.7 32768'),
    },
    {
      rule: 'Create Hidden Files or Directories',
      fire: host('act open wc /tmp/.stimulus-$$ + unlink /tmp/.stimulus-$$'),
      miss: host('act open wc /tmp/stimulus.-$$ + unlink /tmp/stimulus.-$$'),
    },
    {
      rule: 'Detect outbound connections to common miner pool ports',
      fire: host('act tcp 198.51.100.11 3333'),
      miss: host('act tcp 198.51.100.11 3332 + tcp 198.51.100.14 3333'),
    },
    {
      rule: 'Detect crypto miners using the Stratum protocol',
      fire: host('act sleep 0 -o stratum+tcp://pool.example:3333'),
      miss: host('act sleep 0 -o stratum-tcp://pool.example:3333'),
    },
    {
      rule: 'Kubernetes Client Tool Launched in Container',
      fire: inside('as kubectl sleep 0'),
      miss: inside('as kubelet sleep 0'),
    },
    {
      rule: 'Container Drift Detected (chmod)',
      fire: inside('act open wc program + chmod 755 program'),
      miss: inside('act open wc program + chmod 644 program + try chmod 755 absent'),
    },
    {
      rule: 'Container Drift Detected (open+create)',
      fire: inside('act open wc program 755'),
      miss: inside('act open wc program 644; act open r program 755'),
    },
    {
      rule: 'Container Run as Root User',
      fire: first([]),
      miss: first(['--user', '1000']),
    },
    {
      rule: 'Sudo Potential Privilege Escalation',
      fire: host("as sudoedit sleep 0 -s 'AAAA\\'"),
      miss: host("as sudoedit sleep 0 -s AAAA; act loginuid 0 + run sudoedit sleep 0 -s 'AAAA\\'"),
    },
    {
      rule: 'Unprivileged Delegation of Page Faults Handling to a Userspace Process',
      fire: host('act user 33 + userfaultfd'),
      miss: host('act userfaultfd'),
    },
    {
      rule: 'Polkit Local Privilege Escalation Vulnerability (CVE-2021-4034)',
      fire: host('as pkexec'),
      miss: host('as pkexec sleep 0; act loginuid 0 + run pkexec'),
    },
    {
      rule: 'Java Process Class File Download',
      fire: host("as java serve 127.0.0.1 7007 $(printf '..\\312\\376\\272\\276')"),
      miss: host("as java serve 127.0.0.1 7008 $(printf '..\\312\\376\\272\\277')"),
    },
    {
      rule: 'Modify Container Entrypoint',
      fire: inside('act open wc file + open w /proc/self/fd/3'),
      miss: inside('act open wc file + open r /proc/self/fd/3 + open w file'),
    },
    {
      rule: 'Decoding Payload in Container',
      fire: inside('as base64 sleep 0 --decode'),
      miss: inside('as base64 sleep 0 --wrap; as base32 sleep 0 --decode'),
    },
    {
      rule: 'Basic Interactive Reconnaissance',
      fire: host('have whoami; act tty + run sh -c "$act group + exec whoami sleep 0"'),
      miss: host('have whoami; act tty + run whoami sleep 0; act group + exec whoami sleep 0'),
    },
    {
      rule: 'Netcat/Socat Remote Code Execution on Host',
      fire: host('as socat sleep 0 TCP4:203.0.113.7:80 EXEC:/bin/sh'),
      miss: host('as socat sleep 0 TCP4:203.0.113.7:80 STDOUT; as nc sleep 0 203.0.113.7'),
    },
    {
      rule: 'Network Tool Executed During NPM Package Install',
      fire: inside('have nc; as npm run sh -c "$programs/nc sleep 0; :"'),
      miss: inside('have nc; as npx run $programs/nc sleep 0; as npm run $act sleep 0'),
    },
    {
      rule: 'Known Cryptominer Process Executed',
      fire: host('as xmrig sleep 0'),
      miss: host('as xmrig-notes sleep 0'),
    },
    {
      rule: 'Web Server Spawned Shell',
      fire: host('as nginx run sh -c ":; :"'),
      miss: host('as nginx run true; as nginx run sh -c /usr/bin/true; as caddy run sh -c ":; :"'),
    },
    {
      rule: 'Web Server Spawned Suspicious Child Process',
      fire: host('have whoami; as nginx run whoami sleep 0'),
      miss: host('have whoami; as nginx run whoami sleep 0 status; as caddy run whoami sleep 0'),
    },
    {
      rule: 'Reverse Shell from Web Server',
      fire: host('as apache2 run sh -c ": >/dev/null 2>&1 /dev/tcp/203.0.113.7/80; :"'),
      miss: host('as apache2 run sh -c ": /dev/udp/203.0.113.7/80; :"; sh -c ": /dev/tcp/203.0.113.7/80; :"'),
    },
    {
      rule: 'Privileged Container Device Access',
      fire: privileged('/bin/busybox mknod /dev/sdz b 7 0; act open r /dev/sdz'),
      miss: privileged('act open r /dev/null + open r /dev/loop0'),
    },
    {
      rule: 'Container Access to Host Sensitive Paths',
      fire: inside('mkdir /host; act open wc /host/file'),
      miss: inside('mkdir /hosts; act open wc /hosts/file'),
    },
  ],
};
