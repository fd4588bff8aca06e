import { createHash } from 'node:crypto';
import { appendFileSync, createReadStream, readdirSync, renameSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Evidence } from '#playbooks/command';
import type { Secrets } from '#playbooks/language/playbook';
import { maskSecrets } from '#playbooks/language/value-template';
import type { Log } from '#rules/cli/log';
import { makeFolder } from '#rules/cli/make-folder';
import { openObject, putFile, type S3Place, s3Schema } from '../clients/s3.ts';
import type { EvidenceSettings } from '../config/evidence-settings.ts';
import { fillSecrets } from '../runs/secrets.ts';
import type { EvidenceStore, StoredEvidence } from '../store/evidence.ts';

const MIB = 1024 * 1024;
const S3_MS = 600_000;
/** Parts of archives whose node does not come back. */
const KEEP_PARTS_MS = 24 * 3_600_000;

export type EvidenceTaken =
  /** So much of it is here; the next part begins there. `kept`: all of it, and that is where it lies. */
  | { readonly status: 'have'; readonly have: number; readonly kept?: string }
  /** For good. */
  | { readonly status: 'refused'; readonly reason: string }
  | { readonly status: 'later'; readonly reason: string };

export type EvidenceRead =
  | { readonly ok: true; readonly stored: StoredEvidence; readonly stream: Readable }
  | { readonly ok: false; readonly reason: string };

export type EvidenceKeeper = {
  /** A part that begins at `from`. It is written only where the last one ended, whoever sent that. */
  take(evidence: Evidence, from: number, part: Buffer): Promise<EvidenceTaken>;
  read(id: string): Promise<EvidenceRead | undefined>;
};

export type EvidenceKeeperOptions = {
  readonly folder: string;
  readonly settings: EvidenceSettings;
  readonly store: EvidenceStore;
  readonly secrets: Secrets;
  /** What this router is called where several share one Redis. */
  readonly router: string;
  readonly nowMs: () => number;
  readonly log: Log;
};

/** Evidence that nodes hand over: gathered here in parts, its hash checked, then kept in this folder or a bucket. */
export function makeEvidenceKeeper(options: EvidenceKeeperOptions): EvidenceKeeper {
  const { folder, settings, store, router, nowMs, log } = options;
  const turns = new Map<string, Promise<EvidenceTaken>>();
  const pathOf = (id: string): string => join(folder, `${id}.tar.zst`);
  const partOf = (id: string): string => join(folder, `${id}.part`);

  const take = async (evidence: Evidence, from: number, part: Buffer): Promise<EvidenceTaken> => {
    const { id, bytes, sha256 } = evidence;
    const before = await store.find(id);
    if (before !== undefined) {
      return before.sha256 === sha256
        ? { status: 'have', have: bytes, kept: describePlace(before) }
        : { status: 'refused', reason: 'another archive has this id' };
    }
    const most = Math.min(settings.most_each_mb, settings.most_mb) * MIB;
    if (bytes > most)
      return { status: 'refused', reason: `it has ${bytes} bytes; evidence.most_each_mb allows ${most}` };
    makeFolder(folder);
    const have = sizeOf(partOf(id));
    if (from !== have || part.length > bytes - have || (part.length === 0 && have < bytes))
      return { status: 'have', have };
    if (have === 0) await makeRoom(bytes);
    append(partOf(id), part, have);
    if (have + part.length < bytes) return { status: 'have', have: have + part.length };
    if ((await hashOf(partOf(id))) !== sha256) {
      rmSync(partOf(id), { force: true });
      return { status: 'refused', reason: 'its hash is another than the node says' };
    }
    return settings.s3 === undefined ? keepHere(evidence) : keepThere(evidence, settings.s3);
  };
  const keepHere = async (evidence: Evidence): Promise<EvidenceTaken> => {
    renameSync(partOf(evidence.id), pathOf(evidence.id));
    return enter({ ...evidence, taken_ms: nowMs(), place: { kind: 'router', router } });
  };
  const keepThere = async (evidence: Evidence, raw: object): Promise<EvidenceTaken> => {
    const { id, bytes, sha256 } = evidence;
    const place = readPlace(raw, options.secrets);
    if (!place.ok) return { status: 'later', reason: place.reason };
    const file = { path: partOf(id), bytes, sha256 };
    const put = await putFile(place.s3, `${id}.tar.zst`, file, AbortSignal.timeout(S3_MS));
    if (!put.ok) {
      const reason = place.mask(put.reason);
      log('warn', 'the bucket does not take evidence', { id, reason });
      return { status: 'later', reason };
    }
    const { bucket, prefix } = place.s3;
    const answer = await enter({
      ...evidence,
      taken_ms: nowMs(),
      place: { kind: 's3', bucket, name: `${prefix}${id}.tar.zst` },
    });
    rmSync(partOf(id), { force: true });
    return answer;
  };
  const enter = async (stored: StoredEvidence): Promise<EvidenceTaken> => {
    await store.put(stored);
    const { id, node, rule, bytes } = stored;
    log('info', 'evidence is kept', { id, node, rule, bytes, kept: describePlace(stored) });
    return { status: 'have', have: bytes, kept: describePlace(stored) };
  };
  /** What is too old goes, then the oldest until there is room. Names begin with the time. */
  const makeRoom = async (bytes: number): Promise<void> => {
    const names = readdirSync(folder).toSorted();
    const sizes = names.map((name) => sizeOf(join(folder, name)));
    let total = sizes.reduce((sum, size) => sum + size, bytes);
    const gone: string[] = [];
    for (const [at, name] of names.entries()) {
      const age = nowMs() - (statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? 0);
      const isOld = age > (name.endsWith('.part') ? KEEP_PARTS_MS : settings.keep);
      if (!isOld && total <= settings.most_mb * MIB) continue;
      total -= sizes[at] ?? 0;
      rmSync(join(folder, name), { force: true });
      gone.push(name.replace(/\.(part|tar\.zst)$/, ''));
    }
    if (gone.length > 0)
      log('info', 'evidence had to go: it was too old, or there was no room', { ids: gone.slice(0, 20).join(' ') });
    await store.forget(gone, nowMs() - settings.keep);
  };
  return {
    take(evidence, from, part) {
      const turn = (turns.get(evidence.id) ?? Promise.resolve())
        .then(() => take(evidence, from, part))
        .catch((error: unknown): EvidenceTaken => ({ status: 'later', reason: String(error) }))
        .finally(() => {
          if (turns.get(evidence.id) === turn) turns.delete(evidence.id);
        });
      turns.set(evidence.id, turn);
      return turn;
    },
    async read(id) {
      const stored = await store.find(id);
      if (stored === undefined) return undefined;
      const { place } = stored;
      if (place.kind === 'router') {
        if (sizeOf(pathOf(id)) === stored.bytes) return { ok: true, stored, stream: createReadStream(pathOf(id)) };
        return { ok: false, reason: `it lies on the router ${place.router}, not on this one (${router})` };
      }
      const at = readPlace(settings.s3 ?? {}, options.secrets);
      if (!at.ok) return { ok: false, reason: at.reason };
      const { prefix } = at.s3;
      if (!place.name.startsWith(prefix) || place.bucket !== at.s3.bucket)
        return { ok: false, reason: `it lies in ${describePlace(stored)}, which is not configured here any more` };
      const got = await openObject(at.s3, place.name.slice(prefix.length), AbortSignal.timeout(S3_MS));
      return got.ok ? { ok: true, stored, stream: got.stream } : { ok: false, reason: at.mask(got.reason) };
    },
  };
}

/** As receipts and people read it. */
function describePlace({ place }: StoredEvidence): string {
  return place.kind === 's3' ? `s3://${place.bucket}/${place.name}` : `the router ${place.router}`;
}

type Place =
  | { readonly ok: true; readonly s3: S3Place; readonly mask: (text: string) => string }
  | { readonly ok: false; readonly reason: string };

/** The keys are read when they are needed, so that a rotated one counts at once; nothing that is said holds them. */
function readPlace(raw: object, secrets: Secrets): Place {
  const filled = fillSecrets(raw, secrets);
  if (!filled.ok) return { ok: false, reason: `evidence.s3: ${filled.reason}` };
  const read = s3Schema.safeParse(filled.value);
  if (read.success) return { ok: true, s3: read.data, mask: (text) => maskSecrets(text, filled.secrets) };
  const [issue] = read.error.issues;
  return { ok: false, reason: `evidence.s3.${issue?.path.join('.')}: ${issue?.message ?? 'wrong'}` };
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** All of it or nothing: half a part would look like one that the node has sent. */
function append(path: string, part: Buffer, have: number): void {
  try {
    appendFileSync(path, part, { mode: 0o600, flush: true });
  } catch (error) {
    if (sizeOf(path) > have) truncateSync(path, have);
    throw error;
  }
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
}
