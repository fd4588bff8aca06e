import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The conformance data lie beside a developer's checkout; a user's clone does not have them. */
const folder = fileURLToPath(new URL('../../../shared/conformance/', import.meta.url));

export const hasData: boolean = existsSync(`${folder}vectors`);

export const whyMissing = `no conformance data at ${folder}`;

/** In CI missing data are a failure, not a skip. */
export const mustRun: boolean = process.env['CI'] === 'true';

export const publishedFiles = [
  'falco_rules.yaml',
  'falco-incubating_rules.yaml',
  'falco-sandbox_rules.yaml',
  'falco-deprecated_rules.yaml',
] as const;

export function readPublished(name: (typeof publishedFiles)[number]): { readonly path: string; readonly text: string } {
  return { path: name, text: readFileSync(`${folder}rules/${name}`, 'utf8') };
}

/** The vectors of one file; the caller knows their form. */
export function readVectors(name: 'parse' | 'eval' | 'load' | 'format'): unknown {
  return JSON.parse(readFileSync(`${folder}vectors/${name}.json`, 'utf8'));
}

export function readTable(name: 'fields' | 'rule_fields_used'): readonly Readonly<Record<string, string>>[] {
  const [head = '', ...rows] = readFileSync(`${folder}${name}.tsv`, 'utf8').trimEnd().split('\n');
  const names = head.split('\t');
  return rows.map((row) => Object.fromEntries(row.split('\t').map((cell, index) => [names[index] ?? '', cell])));
}
