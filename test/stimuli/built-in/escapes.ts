import { type Case, host, inside, privileged } from '../stimulus.ts';

/** `rules/escape.yaml`. */
export const escapes: readonly Case[] = [
  {
    rule: 'Kernel helper path written from container',
    fire: privileged('act open wc release_agent'),
    miss: privileged('act open wc notify_on_release + open r /proc/sys/kernel/core_pattern'),
  },
  {
    rule: 'Kernel setting written from container',
    fire: privileged('act open w /proc/sys/kernel/printk_ratelimit'),
    miss: privileged('act open r /proc/sys/kernel/printk_ratelimit + open w /proc/sys/net/ipv4/ip_forward'),
  },
  {
    rule: 'Container runtime binary overwritten',
    fire: host('act open wc /usr/local/sbin/runc'),
    miss: host('act open r /usr/sbin/runc + open wc /usr/local/lib/runc'),
  },
  {
    rule: 'Host namespaces entered with nsenter',
    fire: host('as nsenter sleep 0 --target 1 --mount'),
    miss: host('as nsenter sleep 0 --target 2 --mount'),
  },
  {
    rule: 'File system mounted in container',
    fire: privileged('mkdir here; act mount tmpfs here tmpfs'),
    miss: inside('mkdir here; act try mount tmpfs here tmpfs'),
  },
  {
    rule: 'Root changed in container',
    fire: inside('act chroot /tmp'),
    miss: inside('act try chroot /absent'),
  },
  {
    rule: 'Raw device written',
    fire: privileged('/bin/busybox mknod /dev/sdy b 7 1; act open w /dev/sdy'),
    miss: privileged('/bin/busybox mknod /dev/sdx b 7 1; act open r /dev/sdx'),
  },
];
