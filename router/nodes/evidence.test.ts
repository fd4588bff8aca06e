import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Evidence, evidenceSchema } from '#playbooks/command';
import { evidenceSchema as settingsSchema } from '../config/evidence-settings.ts';
import type { EvidenceStore, StoredEvidence } from '../store/evidence.ts';
import { makeEvidenceKeeper } from './evidence.ts';

let folder: string;
const known = new Map<string, StoredEvidence>();
const store: EvidenceStore = {
  put: async (stored) => void known.set(stored.id, stored),
  find: async (id) => known.get(id),
  list: async () => [...known.values()],
  forget: async (ids) => {
    for (const id of ids) known.delete(id);
  },
};
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lanner-kept-'));
});
afterEach(() => {
  known.clear();
  rmSync(folder, { recursive: true, force: true });
});

const keeperOver = (settings: object = {}) =>
  makeEvidenceKeeper({
    folder,
    settings: settingsSchema.parse(settings),
    store,
    secrets: () => undefined,
    router: 'one',
    nowMs: Date.now,
    log: () => undefined,
  });

function evidenceOf(bytes: Buffer, second = 0): Evidence {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return evidenceSchema.parse({
    id: `2026-11-28T1112${String(second).padStart(2, '0')}.000Z-${sha256.slice(0, 16)}`,
    node: 'n',
    alert: 'a',
    rule: 'r',
    container: 'host',
    bytes: bytes.length,
    sha256,
    collected_ms: Date.now(),
  });
}

describe('the evidence keeper', () => {
  it('puts parts together, says where the next begins, and gives the whole back', async () => {
    const whole = Buffer.from('abcdefghij');
    const evidence = evidenceOf(whole);
    const keeper = keeperOver();
    expect(await keeper.take(evidence, 0, whole.subarray(0, 4))).toEqual({ status: 'have', have: 4 });
    // Another router, or this one after a restart; and a node that lost the answer.
    const again = keeperOver();
    expect(await again.take(evidence, 0, whole.subarray(0, 4))).toEqual({ status: 'have', have: 4 });
    expect(await again.take(evidence, 4, whole.subarray(4))).toEqual({
      status: 'have',
      have: 10,
      kept: 'the router one',
    });
    expect(await again.take(evidence, 0, whole)).toMatchObject({ kept: 'the router one' });
    const found = await again.read(evidence.id);
    expect(found?.ok === true && (await text(found.stream))).toBe('abcdefghij');
    expect(readdirSync(folder)).toEqual([`${evidence.id}.tar.zst`]);
  });

  it('keeps nothing whose hash is another, and no more than was said', async () => {
    const evidence = evidenceOf(Buffer.from('abc'));
    const keeper = keeperOver();
    expect(await keeper.take(evidence, 0, Buffer.from('abcd'))).toEqual({ status: 'have', have: 0 });
    expect(await keeper.take(evidence, 0, Buffer.from('abd'))).toMatchObject({ status: 'refused' });
    expect(readdirSync(folder)).toEqual([]);
    expect(known.size).toBe(0);
  });

  it('writes parts that come at the same time after one another', async () => {
    const whole = Buffer.from('x'.repeat(1_000));
    const evidence = evidenceOf(whole);
    const keeper = keeperOver();
    const answers = await Promise.all([0, 0, 0].map((from) => keeper.take(evidence, from, whole)));
    expect(answers.map((answer) => answer.status === 'have' && answer.kept)).toEqual(Array(3).fill('the router one'));
    expect(readFileSync(join(folder, `${evidence.id}.tar.zst`))).toEqual(whole);
  });

  it('takes none that is too large, and lets the oldest go where there is no room', async () => {
    const keeper = keeperOver({ most_mb: 1 });
    const large = Buffer.alloc(400 * 1024);
    const all = [1, 2, 3].map((second) => {
      large.writeUInt8(second);
      const bytes = Buffer.from(large);
      return { bytes, evidence: evidenceOf(bytes, second) };
    });
    for (const { bytes, evidence } of all)
      expect(await keeper.take(evidence, 0, bytes)).toMatchObject({ have: bytes.length });
    expect([...known.keys()]).toEqual(all.slice(1).map(({ evidence }) => evidence.id));
    expect(readdirSync(folder)).toHaveLength(2);
    const huge = { ...evidenceOf(Buffer.from('a')), bytes: 1024 * 1024 + 1 };
    expect(await keeper.take(huge, 0, Buffer.from('a'))).toMatchObject({ status: 'refused' });
  });

  it('says which router has it, when this one has not', async () => {
    const evidence = evidenceOf(Buffer.from('abc'));
    const keeper = keeperOver();
    await keeper.take(evidence, 0, Buffer.from('abc'));
    rmSync(join(folder, `${evidence.id}.tar.zst`));
    expect(await keeper.read(evidence.id)).toEqual({ ok: false, reason: expect.stringContaining('router one') });
    expect(await keeper.read('unknown')).toBeUndefined();
  });

  it('puts it off while a secret or the folder is missing', async () => {
    const evidence = evidenceOf(Buffer.from('abc'));
    const s3 = { url: 'http://127.0.0.1:1', bucket: 'abc', region: 'x', access_key_id: '%{secret.A}' };
    expect(await keeperOver({ s3 }).take(evidence, 0, Buffer.from('abc'))).toEqual({
      status: 'later',
      reason: 'evidence.s3: there is no secret A',
    });
    rmSync(folder, { recursive: true });
    writeFileSync(folder, 'no folder');
    expect(await keeperOver().take(evidence, 0, Buffer.from('abc'))).toMatchObject({ status: 'later' });
  });
});
