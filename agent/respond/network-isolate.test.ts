import { describe, expect, it } from 'vitest';
import { deviceNames, isolation } from './network-isolate.ts';

describe('what isolates a network', () => {
  it('drops everything, and replaces the table in one transaction', () => {
    const text = isolation([], ['eth0']);
    expect(text.match(/policy drop/g)).toHaveLength(5);
    expect(text.match(/accept/g)).toHaveLength(2);
    expect(text.startsWith('add table inet lanner_isolation\ndelete table inet lanner_isolation\n')).toBe(true);
  });

  it('lets the allowed networks through in both directions, overlapping ones too', () => {
    const text = isolation(['10.0.0.0/8', '10.1.0.0/16', 'fd00::/8'], ['eth0']);
    for (const rule of ['ip saddr 10.1.0.0/16', 'ip daddr 10.0.0.0/8', 'ip6 saddr fd00::/8', 'ip6 daddr fd00::/8'])
      expect(text.split(`${rule} accept`)).toHaveLength(3);
  });

  it('reads the names of devices, whatever they are peers of', () => {
    const links = '1: lo: <LOOPBACK>\n7: eth0@if8: <UP>\n9: a"b: <UP>\n12: wg-1: <UP>\n';
    expect(deviceNames(links)).toEqual(['eth0', 'wg-1']);
  });
});
