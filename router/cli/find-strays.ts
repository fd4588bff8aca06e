import { readFileSync } from 'node:fs';
import type { FindStrays } from '#playbooks/cli/check';
import { renderDiagnostic } from '#rules/language/diagnostic';
import { outwardCatalogue } from '../actions/all.ts';
import { s3Schema } from '../clients/s3.ts';
import { findStrays } from '../config/find-strays.ts';
import { readRouterFile } from '../config/router-file.ts';

/** What playbooks name that the router's configuration file at this path does not have, or what is wrong in it. */
export const findStraysIn: FindStrays = (path) => {
  const kinds = new Map([...outwardCatalogue].map(([name, { sender }]) => [name, sender.settings] as const));
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    return () => [`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`];
  }
  const read = readRouterFile({ path, text }, kinds, s3Schema);
  return read.ok ? (playbooks) => findStrays(playbooks, read.file) : () => read.errors.map(renderDiagnostic);
};
