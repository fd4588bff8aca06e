import { describe, expect, it } from 'vitest';
import { type ContainerFacts, type ProcessFacts, refuseContainer, refuseProcesses } from './guard.ts';

const none = { containers: [], processes: [], pods: [] };
const self = { pids: new Set([100, 50]), script: '/opt/lanner/lanner.ts' };

const processOf = (changes: Partial<ProcessFacts> = {}): ProcessFacts => ({
  pid: 4_000,
  isKernelThread: false,
  name: 'sh',
  exe: '/bin/sh',
  isHostProgram: true,
  script: undefined,
  ...changes,
});

describe('processes that are left alone', () => {
  it.for([
    { name: 'a shell', facts: {}, says: undefined },
    { name: 'the first process', facts: { pid: 1 }, says: 'first process of the host' },
    { name: 'a thread of the kernel', facts: { isKernelThread: true }, says: 'thread of the kernel' },
    { name: 'the agent', facts: { pid: 100 }, says: 'the agent itself' },
    { name: 'what the agent runs under', facts: { pid: 50 }, says: 'what the agent runs under' },
    { name: 'a router', facts: { script: self.script }, says: 'part of Lanner' },
    { name: 'another script', facts: { script: '/srv/app.js' }, says: undefined },
    { name: 'dockerd', facts: { exe: '/usr/sbin/dockerd' }, says: 'container engine' },
    { name: 'a shim', facts: { exe: '/usr/bin/containerd-shim-runc-v2' }, says: 'container engine' },
    { name: 'Redis', facts: { exe: '/usr/bin/redis-check-rdb' }, says: 'Redis' },
    { name: 'who calls himself dockerd', facts: { name: 'dockerd' }, says: undefined },
    {
      name: 'who brought a dockerd of his own',
      facts: { exe: '/usr/bin/dockerd', isHostProgram: false },
      says: undefined,
    },
  ])('$name', ({ facts, says }) => {
    const refusal = refuseProcesses([processOf(), processOf(facts)], self, none);
    if (says === undefined) expect(refusal).toBeUndefined();
    else expect(refusal).toContain(says);
  });

  it('are those of the protected list, by name and program of the host', () => {
    const protection = { ...none, processes: [{ name: 'ss*', exe: '/usr/sbin/sshd' }] };
    const sshd = processOf({ name: 'sshd', exe: '/usr/sbin/sshd' });
    expect(refuseProcesses([sshd], self, protection)).toContain('protected list');
    expect(refuseProcesses([{ ...sshd, name: 'other' }], self, protection)).toBeUndefined();
    expect(refuseProcesses([{ ...sshd, isHostProgram: false }], self, protection)).toBeUndefined();
  });
});

const containerOf = (changes: Partial<ContainerFacts> = {}): ContainerFacts => ({
  id: 'c'.repeat(64),
  name: 'web',
  image: 'nginx:1.27',
  labels: new Map([['tier', 'front']]),
  pod: undefined,
  isUnknown: false,
  ...changes,
});
const podOf = (namespace: string | undefined, labels: readonly (readonly [string, string])[] = []) => ({
  namespace,
  labels: new Map(labels),
});
const label = (key: string, value: string) => ({ name: undefined, image: undefined, label: { key, value } });

describe('containers that are left alone', () => {
  it.for([
    { name: 'one of no account', facts: {}, protection: none, says: undefined },
    { name: 'of kube-system', facts: { pod: podOf('kube-system') }, protection: none, says: 'kube-system' },
    { name: 'of a pod elsewhere', facts: { pod: podOf('shop') }, protection: none, says: undefined },
    { name: 'of a pod nobody knows', facts: { pod: podOf(undefined) }, protection: none, says: 'is not known' },
    {
      name: 'of Lanner',
      facts: { labels: new Map([['app.kubernetes.io/part-of', 'lanner']]) },
      protection: none,
      says: 'part of Lanner',
    },
    {
      name: 'named on the list',
      facts: { name: 'db-1' },
      protection: { ...none, containers: [{ name: 'db-*', image: undefined, label: undefined }] },
      says: '(db-1) is on the protected list',
    },
    {
      name: 'whose image is not the one that is named with it',
      facts: {},
      protection: { ...none, containers: [{ name: 'web', image: 'apache*', label: undefined }] },
      says: undefined,
    },
    {
      name: 'labelled on the list',
      facts: {},
      protection: { ...none, containers: [label('tier', '*')] },
      says: 'protected list',
    },
    {
      name: 'with another label',
      facts: {},
      protection: { ...none, containers: [label('tier', 'back')] },
      says: undefined,
    },
    {
      name: 'unknown, where a list names containers',
      facts: { isUnknown: true, name: undefined },
      protection: { ...none, containers: [label('tier', 'back')] },
      says: 'nothing is known',
    },
    { name: 'unknown, without a list', facts: { isUnknown: true, name: undefined }, protection: none, says: undefined },
    {
      name: 'of a pod on the list',
      facts: { pod: podOf('payments', [['app', 'ledger']]) },
      protection: { ...none, pods: [{ namespace: 'pay*', label: { key: 'app', value: 'ledger' } }] },
      says: 'protected list',
    },
    {
      name: 'of another pod of that namespace',
      facts: { pod: podOf('payments', [['app', 'web']]) },
      protection: { ...none, pods: [{ namespace: 'pay*', label: { key: 'app', value: 'ledger' } }] },
      says: undefined,
    },
  ])('$name', ({ facts, protection, says }) => {
    const refusal = refuseContainer(containerOf(facts), protection);
    if (says === undefined) expect(refusal).toBeUndefined();
    else expect(refusal).toContain(says);
  });
});
