import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { heapFlags, lackingHeapFlags, smallYoung, usualHeapMib } from './heap.ts';

describe('heap flags', () => {
  it('are those that infra/run.sh gives the agent, which then need not begin again', () => {
    const script = readFileSync(new URL('../../infra/run.sh', import.meta.url), 'utf8');
    expect(script).toContain(`exec "$node" ${heapFlags(usualHeapMib).join(' ')} "$script"`);
  });

  it('of the router are those that it is given there', () => {
    const script = readFileSync(new URL('../../infra/run.sh', import.meta.url), 'utf8');
    expect(script).toContain(`exec "$node" ${smallYoung.join(' ')} "$script"`);
  });

  it('lack nothing where all are given, whatever else is', () => {
    expect(lackingHeapFlags(128, ['--no-warnings', ...heapFlags(128)])).toBeUndefined();
  });

  it('come in the place of others of their names, and leave the rest', () => {
    const lacking = lackingHeapFlags(128, ['--no-warnings', ...heapFlags(256)]);
    expect(lacking).toEqual(['--no-warnings', ...heapFlags(128)]);
    expect(lackingHeapFlags(128, lacking ?? [])).toBeUndefined();
  });
});
