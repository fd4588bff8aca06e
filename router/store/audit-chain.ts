import { createHash } from 'node:crypto';
import type { AuditEntry } from '../runs/ports.ts';

/** The last entry of a chain; `NONE` before the first. */
export type Head = { readonly seq: number; readonly hash: string };

export const NONE: Head = { seq: 0, hash: '0'.repeat(64) };

/**
 * One line of the audit log: JSON whose last key, `hash`, is the SHA-256 of the line without it. `prev` is the hash of the
 * line before, so that none can be changed, taken out or put in without all after it.
 */
export function link(head: Head, entry: AuditEntry, atMs: number): { readonly line: string; readonly head: Head } {
  const seq = head.seq + 1;
  const about = { seq, at: new Date(atMs).toISOString(), prev: head.hash };
  const { kind, ...rest } = entry;
  const body = JSON.stringify({ ...about, kind, ...rest }, (_, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  );
  const hash = hashOf(body);
  return { line: `${body.slice(0, -1)},"hash":"${hash}"}`, head: { seq, hash } };
}

function hashOf(body: string): string {
  return createHash('sha256').update(body).digest('hex');
}

export type Verified =
  | { readonly ok: true; readonly first: number; readonly head: Head; readonly entries: number }
  /** `at` counts lines from 1. */
  | { readonly ok: false; readonly at: number; readonly reason: string };

/** Follows the chain from its first line, which need not be the first of all: the oldest are kept no more. */
export function makeVerifier() {
  let entries = 0;
  let first = 0;
  let head: Head | undefined;
  return {
    /** The next line; says what is wrong with it. */
    take(line: string): string | undefined {
      entries++;
      const [, body, hash] = /^(.*),"hash":"([0-9a-f]{64})"\}$/s.exec(line) ?? [];
      if (body === undefined || hash === undefined) return 'it is no line of an audit log';
      if (hashOf(`${body}}`) !== hash) return 'it was changed: its hash is another';
      const { seq, prev } = readAbout(`${body}}`);
      if (head === undefined) first = seq;
      else if (prev !== head.hash || seq !== head.seq + 1)
        return `it does not follow number ${head.seq}: lines were taken out, put in or moved`;
      head = { seq, hash };
      return undefined;
    },
    result: (): Verified => ({ ok: true, first, head: head ?? NONE, entries }),
  };
}

function readAbout(body: string): { readonly seq: number; readonly prev: string } {
  // The hash says that `link` wrote it.
  const value: unknown = JSON.parse(body);
  const read = (key: string): unknown =>
    typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
  return { seq: Number(read('seq')), prev: String(read('prev')) };
}

export function verifyLines(lines: Iterable<string>): Verified {
  const verifier = makeVerifier();
  let at = 0;
  for (const line of lines) {
    at++;
    const reason = verifier.take(line);
    if (reason !== undefined) return { ok: false, at, reason };
  }
  return verifier.result();
}
