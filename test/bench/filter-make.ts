import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describedTypes } from '../../agent/fields/arguments.ts';
import { bindField } from '../../agent/fields/bind.ts';
import { openFilter } from '../../agent/filter-cache.ts';
import { stateCalls } from '../../agent/state/changes.ts';
import { groupCalls } from '../../agent/state/made-groups.ts';
import { fieldCatalogue } from '../../rules/fields.ts';
import { compileRuleSet } from '../../rules/language/compile.ts';
import { loadRules } from '../../rules/language/load.ts';
import { publishedFiles } from './rule-files.ts';

// A process that makes the kernel's filter for the published rules as the agent does, once, and says how many
// milliseconds of CPU time that took.
const { ruleSet } = loadRules(publishedFiles(), { fields: fieldCatalogue });
const rules = compileRuleSet(ruleSet, bindField, { matching: 'first', nowNs: () => performance.now() * 1e6 });
const dataFolder = mkdtempSync(join(tmpdir(), 'lanner-bench-filter-'));
try {
  const types = rules.eventTypes === 'all' ? describedTypes : [...rules.eventTypes];
  const log = (_: string, message: string): void => void process.stderr.write(`${message}\n`);
  const source = openFilter(rules, { types, kept: [...stateCalls, ...groupCalls], dataFolder, version: 'bench', log });
  const before = process.cpuUsage();
  const tables = await source.make().tables;
  const { user, system } = process.cpuUsage(before);
  if (tables === undefined) throw new Error('no filter was made');
  process.stdout.write(String((user + system) / 1e3));
} finally {
  rmSync(dataFolder, { recursive: true, force: true });
}
