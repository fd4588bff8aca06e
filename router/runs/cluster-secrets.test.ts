import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Cluster, KubernetesFault } from '../clients/kubernetes.ts';
import { openClusterSecrets } from './cluster-secrets.ts';
import { makeSecrets } from './secrets.ts';

const references = new Map([
  ['PAGER', { namespace: 'sec', object: 'pager', key: 'routing-key' }],
  ['CHAT', { namespace: 'sec', object: 'pager', key: 'chat' }],
]);
let nowMs = 0;
/** What the API server has, or why it does not answer. */
let answer: Readonly<Record<string, string>> | undefined | Error;
let asked = 0;
const cluster: Pick<Cluster, 'secret'> = {
  async secret() {
    asked++;
    if (answer instanceof Error) throw answer;
    return answer;
  },
};
const log = vi.fn();
const open = () =>
  openClusterSecrets({
    references,
    // The test looks at no more of it.
    kubernetes: { open: async () => cluster as Cluster },
    nowMs: () => nowMs,
    log,
    refresh: 'on',
  });
const pass = async (ms: number): Promise<void> => {
  nowMs += ms;
  await vi.advanceTimersByTimeAsync(ms);
};

beforeEach(() => {
  vi.useFakeTimers();
  answer = { 'routing-key': 'one', chat: 'two', other: 'three' };
  nowMs = 0;
  asked = 0;
  log.mockClear();
});
afterEach(() => vi.useRealTimers());

describe('secrets of the cluster', () => {
  it('are read ahead, one request for each Secret, and anew after half a minute', async () => {
    const secrets = await open();
    expect([secrets.find('PAGER'), secrets.find('CHAT'), secrets.find('other')]).toEqual(['one', 'two', undefined]);
    expect(asked).toBe(1);
    answer = { 'routing-key': 'new', chat: 'two' };
    await pass(31_000);
    expect(secrets.find('PAGER')).toBe('new');
    expect(asked).toBe(2);
    secrets.close();
    await pass(60_000);
    expect(asked).toBe(2);
  });

  it('are there for a while without the API server, and not when it says no', async () => {
    const secrets = await open();
    answer = new KubernetesFault('away', undefined, true);
    await pass(599_000);
    expect(secrets.find('PAGER')).toBe('one');
    await pass(2_000);
    expect(secrets.find('PAGER')).toBeUndefined();
    answer = { 'routing-key': 'back' };
    await pass(31_000);
    expect([secrets.find('PAGER'), secrets.find('CHAT')]).toEqual(['back', undefined]);
    answer = new KubernetesFault('may not', 403);
    await pass(31_000);
    expect(secrets.find('PAGER')).toBeUndefined();
    const said = JSON.stringify(log.mock.calls);
    expect(said).toContain('sec/pager/chat');
    expect(said).toContain('may not');
    expect(said).not.toMatch(/"one"|"two"|"back"/);
    expect(log.mock.calls.length).toBeLessThan(6);
    secrets.close();
  });

  it('are found nowhere else', async () => {
    answer = undefined;
    const cluster = await open();
    const find = makeSecrets('/nowhere', { LANNER_SECRET_PAGER: 'old', LANNER_SECRET_OTHER: 'own' }, cluster);
    expect([find('PAGER'), find('OTHER')]).toEqual([undefined, 'own']);
    cluster.close();
  });
});
