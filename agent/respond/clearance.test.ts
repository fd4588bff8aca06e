import { describe, expect, it } from 'vitest';
import { usualResponse } from '../config/protection.ts';
import type { Container } from '../state/containers/container.ts';
import { makeDetails } from '../state/containers/container.ts';
import { makeClearance } from './clearance.ts';

const named = { id: 'a'.repeat(64), engine: 'docker' } as const;
const waiting: Container = { ...named, details: undefined, status: 'waiting' };
const known = (details: Parameters<typeof makeDetails>[0]): Container => ({
  ...named,
  details: makeDetails(details),
  status: 'known',
});

function verdictsOf(seen: Container, settled?: Container, protection = usualResponse.protection) {
  const told: [number, string][] = [];
  const clearance = makeClearance({
    protection,
    see: () => seen,
    tell: (cgroup, verdict) => told.push([cgroup, verdict]),
  });
  clearance.learned(5, seen);
  clearance.learned(6, seen);
  if (settled !== undefined) clearance.settled(settled);
  return told;
}

describe('what the kernel is told of containers', () => {
  const listed = { containers: [{ name: 'db-*', image: undefined, label: undefined }], processes: [], pods: [] };
  it.for([
    ['clears what is known', known({}), undefined, undefined, 'cleared'],
    [
      'protects Lanner',
      known({ labels: new Map([['app.kubernetes.io/part-of', 'lanner']]) }),
      undefined,
      undefined,
      'protected',
    ],
    ['protects what is listed', known({ name: 'db-1' }), undefined, listed, 'protected'],
    ['clears what is not listed', known({ name: 'web' }), undefined, listed, 'cleared'],
    ['waits for the engine', waiting, undefined, undefined, undefined],
    ['clears when the engine has answered', waiting, known({}), undefined, 'cleared'],
    ['says nothing of what could be protected', { ...waiting, status: 'unknown' }, undefined, listed, undefined],
    [
      'says nothing of a pod whose namespace is not known',
      { ...waiting, podUid: 'u', status: 'silent' },
      undefined,
      undefined,
      undefined,
    ],
  ] as const)('%s', ([, seen, settled, protection, verdict]) => {
    const expected =
      verdict === undefined
        ? []
        : [
            [5, verdict],
            [6, verdict],
          ];
    expect(verdictsOf(seen, settled, protection)).toEqual(expected);
  });
});
