import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { fieldCatalogue } from '../../rules/fields.ts';
import { loadRules } from '../../rules/language/load.ts';
import type { Rule } from '../../rules/language/rule-set.ts';
import type { SourceFile } from '../../rules/language/source.ts';

export const publishedFolder = fileURLToPath(new URL('../../../shared/conformance/rules/', import.meta.url));

const names = [
  'falco_rules.yaml',
  'falco-incubating_rules.yaml',
  'falco-sandbox_rules.yaml',
  'falco-deprecated_rules.yaml',
];

/** The four published files, the stable one first. */
export const publishedFiles = (): readonly SourceFile[] =>
  names.map((path) => ({ path, text: readFileSync(publishedFolder + path, 'utf8') }));

/** Every rule of the files, enabled. */
export function load(files: readonly SourceFile[]): readonly Rule[] {
  const outcome = loadRules(files, { fields: fieldCatalogue });
  if (!outcome.ok) throw new Error(`rules do not load: ${outcome.errors[0]?.message}`);
  return outcome.ruleSet.rules.map((rule) => ({ ...rule, enabled: true }));
}

/** Rules as people write them for their own files: a type, a place, some names left out. */
export function syntheticFile(count: number): SourceFile {
  const rules = Array.from({ length: count }, (_, index) => {
    const shapes = [
      `evt.type in (open, openat, openat2) and fd.name startswith /etc/service${index}/ and not proc.name in (agent${index}, puppet)`,
      `evt.type in (open, openat) and evt.is_open_write = true and fd.directory = /opt/app${index}/bin`,
      `evt.type in (open, openat, openat2) and fd.name contains /secret-${index}/ and user.uid != 0`,
      `evt.type in (open, openat) and fd.name pmatch (/home/user${index}/.ssh, /root/keys${index}) and proc.name != sshd`,
      `evt.type = execve and proc.name in (tool${index}, kit${index}) and proc.pname != systemd`,
      `evt.type = connect and fd.sport = ${10_000 + index} and fd.sip = 192.0.2.${index % 250}`,
    ];
    return `- rule: Synthetic ${index}\n  desc: made for the benchmark\n  condition: ${shapes[index % shapes.length]}\n  output: file=%fd.name proc=%proc.name\n  priority: NOTICE\n`;
  });
  return { path: `synthetic-${count}.yaml`, text: rules.join('') };
}
