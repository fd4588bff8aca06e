import { setTimeout as sleep } from 'node:timers/promises';
import type { Worker } from 'bullmq';

/**
 * What the worker is at may end within the time; then it is cut off. Without Redis neither pausing nor an unforced close
 * ever ends, and the worker's own connection keeps the process alive. A pause that is over only after the close opens that
 * connection once more.
 */
export async function endWorker(
  worker: Pick<Worker, 'pause' | 'close' | 'disconnect'>,
  graceMs: number,
): Promise<void> {
  const paused = worker.pause().catch(() => undefined);
  await Promise.race([paused, sleep(graceMs, undefined, { ref: false })]);
  await worker.close(true);
  void paused.then(() => worker.disconnect()).catch(() => undefined); // It is gone already.
}
