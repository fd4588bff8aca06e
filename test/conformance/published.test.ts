import { describe, expect, it } from 'vitest';
import { fieldCatalogue, fieldSpecs, ownFieldNames, removedFieldNames } from '../../rules/fields.ts';
import { renderDiagnostic } from '../../rules/language/diagnostic.ts';
import { loadRules } from '../../rules/language/load.ts';
import { hasData, mustRun, publishedFiles, readPublished, readTable, whyMissing } from './data.ts';

describe.skipIf(!hasData && !mustRun)(hasData ? 'published rule files' : `published rule files: ${whyMissing}`, () => {
  it.for(publishedFiles)('%s loads alone without an error', (name) => {
    const outcome = loadRules([readPublished(name)], { fields: fieldCatalogue });
    expect(outcome.errors.map(renderDiagnostic)).toEqual([]);
    expect(outcome.ruleSet.rules.length).toBeGreaterThan(3);
  });

  it('load all together, with no warning but the deprecated evt.dir of the deprecated file', () => {
    const outcome = loadRules(publishedFiles.map(readPublished), { fields: fieldCatalogue });
    expect(outcome.errors.map(renderDiagnostic)).toEqual([]);
    expect(outcome.warnings.map(({ code, source }) => `${code} ${source.path}`)).toEqual(
      outcome.warnings.map(() => 'LOAD_DEPRECATED_ITEM falco-deprecated_rules.yaml'),
    );
    expect(outcome.ruleSet.rules.length).toBe(97);
  });

  it('the catalogue has every field of the table, with its type', () => {
    const known = new Map(fieldSpecs.map((spec) => [spec.name, spec.list ? `${spec.type}[]` : spec.type]));
    const rows = readTable('fields');
    expect(rows.length).toBeGreaterThan(350);
    for (const { name = '', type = '', is_list } of rows) {
      if (removedFieldNames.has(name)) expect(known.has(name), name).toBe(false);
      else expect(known.get(name), name).toBe(is_list === 'yes' ? `${type}[]` : type);
    }
    expect(known.size - ownFieldNames.size + removedFieldNames.size).toBe(rows.length);
  });
});
