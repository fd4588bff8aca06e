import { join } from 'node:path';
import { type Alert, FIRST_HEADER } from '#rules/alert';
import { alertJson } from '#rules/alert-json';
import type { Log } from '#rules/cli/log';
import { Backlog, type BacklogCounters } from '../spool/backlog.ts';
import { Spool } from '../spool/spool.ts';
import type { Output, OutputCounters } from './output.ts';
import { type Answer, makePoster } from './post.ts';

const MOST_BATCH = 500;
const MOST_BATCH_BYTES = 2 * 1024 * 1024;
const MOST_WAIT_MS = 15_000;
const CLOSE_SPOOL_MS = 300;

export type RouterOutputOptions = {
  readonly url: URL;
  readonly token: string;
  readonly dataFolder: string;
  readonly spoolMaxBytes: number;
  readonly log: Log;
};

export type RouterCounters = OutputCounters & Pick<BacklogCounters, 'exposed' | 'spool'>;
export type RouterOutput = Omit<Output, 'counters'> & { counters(): RouterCounters };

/**
 * Posts alerts to the router in batches and forgets them only when it has answered 202; until then they lie in the
 * spool as well, which outlives this process. One request is under way at a time, so the order is kept; while it runs,
 * alerts gather into the next batch.
 */
export function makeRouterOutput({ url, token, dataFolder, spoolMaxBytes, log }: RouterOutputOptions): RouterOutput {
  const send = makePoster(new URL('/api/alerts', url), token);
  const spool = new Spool({ folder: join(dataFolder, 'spool'), maxBytes: spoolMaxBytes, log });
  const backlog = new Backlog({ spool, log, ready: () => void pump() });
  let written = 0;
  let refused = 0;
  let busy = false;
  let closed = false;
  let failures = 0;
  let saidMs = 0;
  /** After a refused batch its alerts go one by one, so that only the one at fault is given up. */
  let alone = 0;
  let timer: NodeJS.Timeout | undefined;
  let idle: (() => void) | undefined;

  const settle = (count: number, answer: Answer): number => {
    if (answer.status === 202) {
      backlog.done(count);
      if (failures > 0) log('info', 'the router takes alerts again', { held: backlog.counters().held });
      failures = 0;
      written += count;
      alone = Math.max(0, alone - count);
      return 0;
    }
    if (answer.status === 400 || answer.status === 413) {
      if (count > 1) {
        alone = count;
        return 0;
      }
      log('error', 'the router refused an alert for good', {
        status: answer.status,
        reason: answer.reason.slice(0, 500),
      });
      backlog.done(1);
      refused++;
      alone = Math.max(0, alone - 1);
      return 0;
    }
    failures++;
    backlog.stalled();
    const nowMs = Date.now();
    if (nowMs - saidMs > 60_000) {
      saidMs = nowMs;
      const { held, lost } = backlog.counters();
      log('warn', 'the router does not take alerts; holding them', { held, lost, reason: answer.reason.slice(0, 200) });
    }
    const backOffMs = Math.min(MOST_WAIT_MS, 100 * 2 ** Math.min(failures, 8)) * (0.5 + Math.random() / 2);
    return Math.max(answer.retryAfterMs ?? 0, backOffMs);
  };

  const pump = async () => {
    if (busy || timer !== undefined || backlog.size === 0) return;
    busy = true;
    const batch = backlog.next(alone > 0 ? 1 : MOST_BATCH, MOST_BATCH_BYTES);
    const headers = batch.isFirst ? { [FIRST_HEADER]: '1' } : {};
    const waitMs = settle(batch.texts.length, await send(batch.texts, headers));
    busy = false;
    if (waitMs === 0) {
      if (backlog.size > 0) void pump();
      else if (backlog.counters().held === 0) idle?.();
      return;
    }
    timer = setTimeout(
      () => {
        timer = undefined;
        void pump();
      },
      closed ? Math.min(waitMs, 100) : waitMs,
    );
  };

  return {
    name: 'router',
    write(alert: Alert) {
      backlog.add(alertJson(alert));
      void pump();
    },
    counters() {
      const { held, lost, exposed, spool: onDisk } = backlog.counters();
      return { written, held, lost: lost + refused, exposed, spool: onDisk };
    },
    async close(withinMs) {
      if (!closed && backlog.counters().held > 0) {
        closed = true;
        clearTimeout(timer);
        timer = undefined;
        await new Promise<void>((resolve) => {
          const deadline = setTimeout(resolve, withinMs);
          idle = () => {
            clearTimeout(deadline);
            resolve();
          };
          void pump();
        });
      }
      closed = true;
      await backlog.close(CLOSE_SPOOL_MS);
      clearTimeout(timer);
      const { held, exposed } = backlog.counters();
      if (held > exposed) log('info', 'alerts wait in the spool for the next start', { held: held - exposed });
      if (exposed > 0) log('warn', 'stopped with alerts that neither router nor disk has taken', { held: exposed });
    },
  };
}
