import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { fieldCatalogue } from '#rules/fields';
import { compileRuleSet } from '#rules/language/compile';
import { loadRules } from '#rules/language/load';
import { bindField } from './fields/bind.ts';
import type { Scene } from './fields/scene.ts';
import { openFilter } from './filter-cache.ts';
import { compileFilter } from './pushdown/compile.ts';
import { encodeFilter } from './pushdown/encode.ts';

const folder = mkdtempSync(join(tmpdir(), 'lanner-filters-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const log = () => undefined;

const digest = (tables: Uint8Array | undefined): string =>
  createHash('sha256')
    .update(tables ?? '')
    .digest('hex');

function rulesFor(path: string) {
  const condition = `evt.type = open and fd.name = ${path} and not proc.name regex "a+b" and not fd.snet in (10.0.0.0/8)`;
  const text = `- {rule: r, desc: d, condition: '${condition}', output: o, priority: INFO}\n`;
  return loadRules([{ path: 'r.yaml', text }], { fields: fieldCatalogue }).ruleSet;
}

/** The tables as a digest: they are 1.4 MB. */
async function filterFor(path: string, dataFolder = folder): Promise<string> {
  const rules = compileRuleSet<Scene>(rulesFor(path), bindField, { matching: 'all' });
  const filter = openFilter(rules, { types: ['open'], kept: [], dataFolder, version: '1.0.0', log });
  return digest(filter.kept ?? (await filter.make().tables));
}

const kept = () => readdirSync(join(folder, 'filters'));

describe('a filter', () => {
  it('is the same when it is made in a thread', async () => {
    const { rules } = rulesFor('/a');
    expect(await filterFor('/a')).toBe(digest(encodeFilter(compileFilter(rules, ['open'], new Set()))));
  });

  it('is kept, and made anew when what was kept is damaged', async () => {
    const made = await filterFor('/a');
    const [name = ''] = kept();
    expect(await filterFor('/a')).toBe(made);
    expect(kept()).toEqual([name]);
    const path = join(folder, 'filters', name);
    const whole = readFileSync(path);
    for (const damaged of [whole.subarray(0, 40), Buffer.concat([whole.subarray(1), Buffer.of(1)]), Buffer.alloc(0)]) {
      writeFileSync(path, damaged);
      expect(await filterFor('/a')).toBe(made);
      expect(readFileSync(path).equals(whole)).toBe(true);
    }
  });

  it('is another for other rules, and eight are kept', { timeout: 60_000 }, async () => {
    expect(await filterFor('/b')).not.toBe(await filterFor('/a'));
    for (let number = 0; number < 10; number++) await filterFor(`/c${number}`);
    expect(kept().length).toBe(8);
  });

  it('is made where the folder takes nothing', async () => {
    expect(await filterFor('/a', '/proc/nowhere')).toBe(await filterFor('/a'));
  });

  it('is none when its making is stopped', async () => {
    const rules = compileRuleSet<Scene>(rulesFor('/stopped'), bindField, { matching: 'all' });
    const { tables, stop } = openFilter(rules, {
      types: ['open'],
      kept: [],
      dataFolder: folder,
      version: '1.0.0',
      log,
    }).make();
    await stop();
    expect(await tables).toBeUndefined();
  });
});
