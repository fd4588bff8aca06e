import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { actionCatalogue } from '../../router/actions/all.ts';
import { cut } from '../../router/clients/visible.ts';
import { hostile } from '../support/hostile.ts';
import { KubernetesStage, podPath, thePod } from '../support/kubernetes-stage.ts';
import { shellAlert } from '../support/sending.ts';

const stage = new KubernetesStage();
beforeAll(() => stage.open());
afterAll(() => stage.api.close());
beforeEach(() => stage.reset());

const onPod = [...actionCatalogue.values()].filter(
  ({ name, params }) => name.startsWith('k8s.') && 'shape' in params && 'pod' in Object(params.shape),
);

describe('hostile fields', () => {
  it('are no names: nothing is asked of the server', async () => {
    expect(onPod.length).toBeGreaterThan(6);
    await fc.assert(
      fc.asyncProperty(hostile, fc.constantFrom(...onPod), async (text, { name }) => {
        const keys = { 'k8s.label': { labels: { a: 'b' } }, 'k8s.annotate': { annotations: { a: 'b' } } };
        const more = Object(keys)[name] ?? {};
        const isName = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(text);
        stage.api.asked.length = 0;
        const result = await stage.perform(name, { ...thePod, ...more, pod: text });
        if (isName) return;
        expect(result).toMatchObject({ status: 'failed', retry: false });
        expect(stage.api.asked).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('are no nodes, whether a step or an alert names them', async () => {
    await fc.assert(
      fc.asyncProperty(hostile, fc.constantFrom('node.cordon', 'node.uncordon'), async (text, name) => {
        if (/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(text)) return;
        stage.reset();
        expect(await stage.perform(name, { node: text })).toMatchObject({ status: 'failed', retry: false });
        const lanner = { version: 1 as const, id: '0190a0a0-0000-7000-8000-000000000000', node: text, boot_id: 'b' };
        const alert = { ...shellAlert, lanner };
        expect(await stage.perform(name, {}, { alert })).toMatchObject({ status: 'refused' });
        expect(stage.api.asked).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('are what they are in annotations and events', async () => {
    await fc.assert(
      fc.asyncProperty(hostile, async (text) => {
        stage.reset();
        const annotated = await stage.perform('k8s.annotate', { ...thePod, annotations: { why: text } });
        expect(annotated).toMatchObject({ status: 'done' });
        expect(stage.api.objects.get(podPath('shop-7d9'))?.metadata.annotations).toMatchObject({ why: text });
        const told = await stage.perform('k8s.event', { ...thePod, message: text || 'x' });
        expect(told).toMatchObject({ status: 'done' });
        const event = [...stage.api.objects].find(([path]) => path.includes('/events/'))?.[1];
        expect(event?.['message']).toBe(cut(text || 'x', 1_024));
      }),
      { numRuns: 30 },
    );
  });
});
