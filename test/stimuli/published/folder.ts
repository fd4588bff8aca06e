import { join } from 'node:path';

const folder = new URL('../../../../shared/conformance/rules', import.meta.url).pathname;

/** The published files lie beside the project, see `test/conformance/`. */
export const publishedRules = (name: string): string => join(folder, name);
