import { describe, expect, it } from 'vitest';
import {
  checkActionPrograms,
  checkCapabilities,
  checkMachine,
  checkMemlock,
  checkNode,
  checkRelease,
} from './machine.ts';

describe('what the machine lacks', () => {
  it.for([
    { release: '6.18.44-fc', status: 'ok' },
    { release: '5.17.0', status: 'ok' },
    { release: '6.1.0-32-amd64', status: 'ok' },
    { release: '5.16.20-generic', status: 'unsupported' },
    { release: '4.19.0', status: 'unsupported' },
  ])('calls kernel $release $status', ({ release, status }) => {
    expect(checkRelease(release).status).toBe(status);
  });

  it.for([
    { name: 'root', mask: '000001ffffffffff', status: 'ok' },
    { name: 'only what it takes', mask: (2n ** 5n + 2n ** 19n + 2n ** 38n + 2n ** 39n).toString(16), status: 'ok' },
    { name: 'no CAP_KILL', mask: (2n ** 21n + 2n ** 19n).toString(16), status: 'limited' },
    { name: 'root of a plain container', mask: '00000000a80425fb', status: 'unsupported' },
    { name: 'nobody', mask: '0000000000000000', status: 'unsupported' },
  ])('calls $name $status', ({ mask, status }) => {
    expect(checkCapabilities(`Name:\tnode\nCapEff:\t${mask}\nCapBnd:\t000001ffffffffff\n`).status).toBe(status);
  });

  it('names the capabilities that are missing', () => {
    const { detail } = checkCapabilities('CapEff:\t00000000a80425fb\n');
    expect(detail).toBe('loading eBPF programs needs root: CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE missing');
  });

  it.for([
    { kernel: '5.10.0', soft: '65536', status: 'limited' },
    { kernel: '5.10.0', soft: 'unlimited', status: 'ok' },
    { kernel: '5.11.0', soft: '65536', status: 'ok' },
  ])('calls a limit of $soft on $kernel $status', ({ kernel, soft, status }) => {
    expect(checkMemlock(`Max locked memory         ${soft}  65536  bytes\n`, kernel).status).toBe(status);
  });

  it('names the program that an action lacks, and the package that has it', () => {
    const found = checkActionPrograms((name) => (name === 'nft' ? undefined : `/usr/sbin/${name}`));
    expect(found.map(({ check, status }) => [check, status])).toEqual([
      ['nft', 'limited'],
      ['ip', 'ok'],
      ['nsenter', 'ok'],
    ]);
    expect(found[0]).toMatchObject({
      detail: expect.stringContaining('network.isolate'),
      remedy: 'apt install nftables',
    });
  });

  it('wants Node 24', () => {
    expect(checkNode('20.11.0').status).toBe('missing');
    expect(checkNode('24.21.0').status).toBe('ok');
  });

  it('tells how events are come by, and of each other way what the kernel says to it', async () => {
    const ways = (await checkMachine()).find(({ check }) => check === 'ways to see');
    expect(ways?.detail).toMatch(/sys_exit.*; not used: .*kprobe: (available|not in this kernel)$/);
  });

  it('says how to get whatever is not there', async () => {
    const findings = await checkMachine();
    expect(findings.length).toBeGreaterThan(8);
    for (const { status, remedy } of findings) expect(remedy === undefined).toBe(status === 'ok');
  });
});
