import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { endWorker } from './end-worker.ts';

/** As BullMQ's: a pause takes its connection away, waits for what is under way, and connects again. */
function makeWorker(underWayMs: number) {
  const state = { isConnected: true };
  const disconnect = async () => {
    state.isConnected = false;
  };
  const pause = async () => {
    await disconnect();
    await sleep(underWayMs);
    state.isConnected = true;
  };
  return { state, worker: { pause, disconnect, close: disconnect } };
}

it.for([
  { what: 'before', underWayMs: 1 },
  { what: 'after', underWayMs: 50 },
])('leaves no connection when what it was at ends $what the close', async ({ underWayMs }) => {
  const { state, worker } = makeWorker(underWayMs);
  await endWorker(worker, 20);
  await sleep(80);
  expect(state.isConnected).toBe(false);
});
