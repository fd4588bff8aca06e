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
import { loadFilter } from './filter-cache.ts';

const folder = mkdtempSync(join(tmpdir(), 'lanner-filters-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const log = () => undefined;

/** The tables as a digest: they are 1.4 MB. */
function filterFor(path: string, dataFolder = folder): string {
  const condition = `evt.type = open and fd.name = ${path}`;
  const text = `- {rule: r, desc: d, condition: '${condition}', output: o, priority: INFO}\n`;
  const { ruleSet } = loadRules([{ path: 'r.yaml', text }], { fields: fieldCatalogue });
  const rules = compileRuleSet<Scene>(ruleSet, bindField, { matching: 'all' });
  return createHash('sha256')
    .update(loadFilter(rules, { types: ['open'], kept: [], dataFolder, version: '1.0.0', log }))
    .digest('hex');
}

const kept = () => readdirSync(join(folder, 'filters'));

describe('a filter', () => {
  it('is kept, and made anew when what was kept is damaged', () => {
    const made = filterFor('/a');
    const [name = ''] = kept();
    expect(filterFor('/a')).toBe(made);
    expect(kept()).toEqual([name]);
    const path = join(folder, 'filters', name);
    const whole = readFileSync(path);
    for (const damaged of [whole.subarray(0, 40), Buffer.concat([whole.subarray(1), Buffer.of(1)]), Buffer.alloc(0)]) {
      writeFileSync(path, damaged);
      expect(filterFor('/a')).toBe(made);
      expect(readFileSync(path).equals(whole)).toBe(true);
    }
  });

  it('is another for other rules, and eight are kept', () => {
    expect(filterFor('/b')).not.toBe(filterFor('/a'));
    for (let number = 0; number < 10; number++) filterFor(`/c${number}`);
    expect(kept().length).toBe(8);
  });

  it('is made where the folder takes nothing', () => {
    expect(filterFor('/a', '/proc/nowhere')).toBe(filterFor('/a'));
  });
});
