import { getEventListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { within } from './within.ts';

const forever = (signal: AbortSignal) => sleep(60_000, undefined, { signal });

it('ends work that takes too long, or is not wanted any more, and leaves nothing behind', async () => {
  const outer = new AbortController();
  await expect(within(10, outer.signal, forever)).rejects.toMatchObject({ cause: { name: 'TimeoutError' } });
  let kept: AbortSignal | undefined;
  const done = await within(10, outer.signal, async (signal) => {
    kept = signal;
    return 'done';
  });
  expect(done).toBe('done');
  expect(getEventListeners(outer.signal, 'abort')).toEqual([]);
  await sleep(30);
  expect(kept?.aborted).toBe(false);
  const stopped = within(60_000, outer.signal, forever);
  outer.abort(new Error('the router stops'));
  await expect(stopped).rejects.toMatchObject({ cause: { message: 'the router stops' } });
  await expect(within(60_000, outer.signal, forever)).rejects.toMatchObject({ cause: { message: 'the router stops' } });
});
