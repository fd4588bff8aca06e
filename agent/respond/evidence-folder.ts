import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { type Evidence, evidenceSchema } from '#playbooks/command';
import { makeFolder } from '#rules/cli/make-folder';

/** All evidence on this node. What lies elsewhere as well goes first, then the oldest. */
const MOST_KEPT_BYTES = 1024 * 1024 * 1024;
const MOST_KEPT = 1_000;

/** What is known of an archive on this node. */
const recordSchema = z.strictObject({
  evidence: evidenceSchema,
  /** Where it lies as well. */
  kept: z.string().optional(),
  /** Why it never will. */
  refused: z.string().optional(),
});
export type EvidenceRecord = z.output<typeof recordSchema>;

/** DATA/evidence: each archive with a record of it beside it. */
export type EvidenceFolder = {
  /** Returns where it lies now. Throws when the disk does not take it. */
  put(bytes: Buffer, about: Omit<Evidence, 'id' | 'bytes' | 'sha256'>): EvidenceRecord & { readonly path: string };
  /** The oldest first. */
  records(): readonly EvidenceRecord[];
  note(record: EvidenceRecord): void;
  pathOf(id: string): string;
};

export function openEvidenceFolder(dataFolder: string): EvidenceFolder {
  const folder = join(dataFolder, 'evidence');
  const pathOf = (id: string): string => join(folder, `${id}.tar.zst`);
  const noteOf = (id: string): string => join(folder, `${id}.json`);
  const records = (): readonly EvidenceRecord[] =>
    listJson(folder).flatMap((name) => readRecord(join(folder, name)) ?? []);
  const note = (record: EvidenceRecord): void => {
    const path = noteOf(record.evidence.id);
    writeFileSync(`${path}.next`, JSON.stringify(record), { mode: 0o600, flush: true });
    renameSync(`${path}.next`, path);
  };
  const makeRoom = (bytes: number): void => {
    const all = records();
    const isElsewhere = ({ kept }: EvidenceRecord): boolean => kept !== undefined;
    const dear = [...all.filter((one) => !isElsewhere(one)).toReversed(), ...all.filter(isElsewhere).toReversed()];
    let total = bytes;
    for (const [at, { evidence }] of dear.entries()) {
      total += evidence.bytes;
      if (total <= MOST_KEPT_BYTES && at < MOST_KEPT - 1) continue;
      rmSync(pathOf(evidence.id), { force: true });
      rmSync(noteOf(evidence.id), { force: true });
    }
  };
  return {
    put(bytes, about) {
      makeFolder(folder);
      makeRoom(bytes.length);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      const id = `${new Date(about.collected_ms).toISOString().replaceAll(':', '')}-${sha256.slice(0, 16)}`;
      const path = pathOf(id);
      writeFileSync(path, bytes, { mode: 0o600, flush: true });
      const record = { evidence: { id, ...about, bytes: bytes.length, sha256 } };
      note(record);
      return { ...record, path };
    },
    records,
    note,
    pathOf,
  };
}

function listJson(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .toSorted();
  } catch {
    return []; // Nothing was collected yet.
  }
}

/** One without its archive, or that cannot be read, tells nothing. */
function readRecord(path: string): EvidenceRecord | undefined {
  try {
    const record = recordSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
    return statSync(path.replace(/json$/, 'tar.zst')).size === record.evidence.bytes ? record : undefined;
  } catch {
    return undefined;
  }
}
