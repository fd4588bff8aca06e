import { readFileSync } from 'node:fs';
import type { OutputTarget, TlsFiles } from '../config/outputs.ts';
import { Held } from './held.ts';
import { type Answer, makePoster } from './post.ts';
import { type Sink, settled, sparingly } from './sink.ts';
import { readTls } from './tls.ts';

const FIRST_WAIT_MS = 250;
const MOST_WAIT_MS = 30_000;
/** Answers after which the same alert can be taken later. Others of 4xx refuse it for good. */
const passing = new Set([401, 403, 404, 408, 425, 429]);

/** Posts each alert as Falco's HTTP output does: its JSON alone, one request an alert, on a connection that is kept. */
export function makeHttp(
  { url, tokenFile, tls }: OutputTarget & { readonly kind: 'http' },
  failed: (reason: string) => void,
): Sink {
  const held = new Held();
  const say = sparingly(failed);
  let written = 0;
  let lost = 0;
  let inFlight = 0;
  let waitMs = FIRST_WAIT_MS;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  let poster: ReturnType<typeof makePoster> | undefined;
  /** Token and certificates are read when they are first needed, and again when they are refused: they may be renewed. */
  const post = async (lines: readonly string[]): Promise<Answer> => {
    try {
      poster ??= openPoster(url, tokenFile, tls);
    } catch (error) {
      return {
        status: 0,
        reason: error instanceof Error ? error.message : String(error),
        text: '',
        retryAfterMs: undefined,
      };
    }
    const answer = await poster(lines);
    if (answer.status === 401 || answer.status === 403) poster = undefined;
    return answer;
  };
  const pump = async (): Promise<void> => {
    if (inFlight > 0 || timer !== undefined || held.length === 0) return;
    const lines = held.take(1, 1);
    inFlight = lines.length;
    const { status, reason, retryAfterMs } = await post(lines);
    inFlight = 0;
    if (status >= 200 && status < 300) {
      written++;
      waitMs = FIRST_WAIT_MS;
      return pump();
    }
    say(`${url.origin}: ${reason}`);
    if (status >= 300 && status < 500 && !passing.has(status)) {
      lost++;
      return pump();
    }
    held.putBack(lines);
    timer = setTimeout(
      () => {
        timer = undefined;
        void pump();
      },
      // Jittered, so that many agents do not come back at once.
      retryAfterMs ?? waitMs * (0.5 + Math.random() / 2),
    );
    timer.unref();
    waitMs = Math.min(waitMs * 2, MOST_WAIT_MS);
  };
  return {
    send(line) {
      if (isClosed || !held.push(line)) lost++;
      else void pump();
    },
    counters: () => ({ written, held: held.length + inFlight, lost }),
    reopen: () => undefined,
    async close(withinMs) {
      if (isClosed) return;
      isClosed = true;
      await settled(() => held.length + inFlight === 0, withinMs);
      clearTimeout(timer);
    },
  };
}

/** Throws when a file cannot be read. */
function openPoster(url: URL, tokenFile: string | undefined, tls: TlsFiles): ReturnType<typeof makePoster> {
  const token = tokenFile === undefined ? undefined : readFileSync(tokenFile, 'utf8').trim();
  return makePoster(url, token, { ...readTls(tls), userAgent: 'lanner' });
}
