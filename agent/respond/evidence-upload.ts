import { closeSync, openSync, readSync } from 'node:fs';
import { EVIDENCE_HEADER, EVIDENCE_PART_BYTES, evidenceAnswerSchema } from '#playbooks/command';
import type { Log } from '#rules/cli/log';
import { type Answer, makeAsk } from '../outputs/post.ts';
import type { EvidenceFolder, EvidenceRecord } from './evidence-folder.ts';

/** A receipt waits so long for the word where its evidence is: the steps after it are not to be held up. */
const RECEIPT_MS = 2_000;
const LEAST_WAIT_MS = 500;
const MOST_WAIT_MS = 60_000;
/** Parts that were asked for again, of one archive and in one go. */
const MOST_PARTS = 2_048;

export type EvidenceUpload = {
  /** Says where it lies besides this node, or why it does not. */
  send(id: string): Promise<string>;
  /** May be called twice. */
  close(): void;
};

export type EvidenceUploadOptions = {
  /** `undefined`: it stays here. */
  readonly router: { readonly url: URL; readonly token: string } | undefined;
  readonly folder: EvidenceFolder;
  readonly log: Log;
};

/**
 * Hands archives to the router, in parts, until it has said where each lies; also those that were collected while it was
 * away or before this start. The latest goes first. A router that was restarted says how much of it it has.
 */
export function openEvidenceUpload({ router, folder, log }: EvidenceUploadOptions): EvidenceUpload {
  if (router === undefined)
    return { send: async () => 'stays on this node, which has no router', close: () => undefined };
  const { url, token } = router;
  const stop = new AbortController();
  const ask = makeAsk(url.protocol, token, { stop: stop.signal });
  const waiting = new Map<string, (where: string) => void>();
  let problem: string | undefined;
  let failures = 0;
  let isBusy = false;
  let timer: NodeJS.Timeout | undefined;

  const settle = (record: EvidenceRecord): void => {
    try {
      folder.note(record);
    } catch (error) {
      // It is sent again after the next start; the router recognises it.
      log('warn', 'that evidence was sent cannot be written down', { reason: String(error) });
    }
    waiting.get(record.evidence.id)?.(describe(record) ?? 'stays on this node');
    waiting.delete(record.evidence.id);
  };
  const pump = async (): Promise<void> => {
    if (isBusy || stop.signal.aborted) return;
    isBusy = true;
    clearTimeout(timer);
    timer = undefined;
    for (let next = findWaiting(folder); next !== undefined && !stop.signal.aborted; next = findWaiting(folder)) {
      const outcome = await sendAll(next, folder.pathOf(next.evidence.id), { ask, url });
      if (outcome.status === 'later') {
        problem = outcome.reason;
        if (failures++ === 0) log('warn', 'the router does not take evidence; it is sent later', { reason: problem });
        break;
      }
      problem = undefined;
      failures = 0;
      const { kept, refused } = outcome.record;
      log(refused === undefined ? 'info' : 'error', 'evidence', { id: next.evidence.id, kept, refused });
      settle(outcome.record);
    }
    isBusy = false;
    if (stop.signal.aborted || problem === undefined) return;
    for (const answer of waiting.values()) answer(`stays on this node until the router takes it: ${problem}`);
    waiting.clear();
    timer = setTimeout(() => void pump(), Math.min(MOST_WAIT_MS, LEAST_WAIT_MS * 2 ** Math.min(failures, 8)));
  };
  void pump();
  return {
    async send(id) {
      const where = Promise.withResolvers<string>();
      waiting.set(id, where.resolve);
      const patience = setTimeout(() => where.resolve('is on its way to the router'), RECEIPT_MS);
      void pump();
      return where.promise.finally(() => {
        clearTimeout(patience);
        waiting.delete(id);
      });
    },
    close() {
      stop.abort();
      clearTimeout(timer);
    },
  };
}

const findWaiting = (folder: EvidenceFolder): EvidenceRecord | undefined =>
  folder.records().findLast(({ kept, refused }) => kept === undefined && refused === undefined);

function describe({ evidence, kept, refused }: EvidenceRecord): string | undefined {
  if (kept !== undefined) return `${kept} has it as ${evidence.id}`;
  return refused === undefined ? undefined : `stays on this node: ${refused}`;
}

type Outcome =
  | { readonly status: 'settled'; readonly record: EvidenceRecord }
  | { readonly status: 'later'; readonly reason: string };

type Way = { readonly ask: ReturnType<typeof makeAsk>; readonly url: URL };

async function sendAll(record: EvidenceRecord, path: string, { ask, url }: Way): Promise<Outcome> {
  const { evidence } = record;
  const about = Buffer.from(JSON.stringify(evidence)).toString('base64');
  const headers = { [EVIDENCE_HEADER]: about, 'content-type': 'application/octet-stream' };
  let from = 0;
  for (let parts = 0; parts < MOST_PARTS; parts++) {
    let part: Buffer;
    try {
      part = readPart(path, from);
    } catch (error) {
      return { status: 'settled', record: { evidence, refused: `it cannot be read: ${String(error)}` } };
    }
    const answer = await ask('PUT', new URL(`/api/evidence?from=${from}`, url), part, headers);
    if (answer.status === 200 || answer.status === 409) {
      const said = readAnswer(answer);
      if (said === undefined) return { status: 'later', reason: answer.reason };
      if (said.kept !== undefined) return { status: 'settled', record: { evidence, kept: said.kept } };
      from = said.have;
    } else if (answer.status === 400 || answer.status === 413 || answer.status === 422) {
      return {
        status: 'settled',
        record: { evidence, refused: `the router refuses it: ${answer.reason}`.slice(0, 1_024) },
      };
    } else return { status: 'later', reason: answer.reason.slice(0, 500) };
  }
  return { status: 'later', reason: 'the router asks for the same parts again and again' };
}

function readAnswer({ text }: Answer) {
  try {
    return evidenceAnswerSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function readPart(path: string, from: number): Buffer {
  const file = openSync(path, 'r');
  try {
    const part = Buffer.alloc(EVIDENCE_PART_BYTES);
    return part.subarray(0, readSync(file, part, 0, part.length, from));
  } finally {
    closeSync(file);
  }
}
