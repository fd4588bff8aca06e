import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SourceFile } from '../language/source.ts';

/** The rules that Lanner comes with. */
export const builtInRules: string = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

export type FoundFiles = {
  readonly files: readonly SourceFile[];
  readonly unreadable: readonly { readonly path: string; readonly reason: string }[];
};

const isRuleFile = (name: string): boolean => /\.ya?ml$/.test(name) && !isTestFile(name);
/** Tests stand beside the rules and are no rules. */
export const isTestFile = (name: string): boolean => /\.test\.ya?ml$/.test(name);

/** Reads files, and of folders the rule files directly inside, in the order of their names as bytes. */
export function readRuleFiles(paths: readonly string[], isWanted: (name: string) => boolean = isRuleFile): FoundFiles {
  const files: SourceFile[] = [];
  const unreadable: { readonly path: string; readonly reason: string }[] = [];
  for (const path of paths) {
    try {
      const names = statSync(path).isDirectory()
        ? readdirSync(path, { withFileTypes: true })
            .filter((entry) => !entry.isDirectory() && isWanted(entry.name))
            .map((entry) => join(path, entry.name))
            .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
        : [path];
      for (const name of names) files.push({ path: name, text: readFileSync(name, 'utf8') });
    } catch (error) {
      unreadable.push({ path, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  return { files, unreadable };
}
