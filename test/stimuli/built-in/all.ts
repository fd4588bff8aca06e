import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { RuleSet } from '../stimulus.ts';
import { containers } from './containers.ts';
import { escapes } from './escapes.ts';
import { evasion, unloadable } from './evasion.ts';
import { files } from './files.ts';
import { network } from './network.ts';
import { persistence } from './persistence.ts';
import { servers } from './servers.ts';

const folder = new URL('../../../rules', import.meta.url).pathname;

/** Every rule of `rules/*.yaml`, in one agent, as it starts without `--rules`. */
export const builtIn: RuleSet = {
  name: 'built-in',
  paths: readdirSync(folder)
    .filter((name) => name.endsWith('.yaml') && !name.endsWith('.test.yaml'))
    .map((name) => join(folder, name)),
  cases: [...containers, ...escapes, ...evasion, ...files, ...network, ...persistence, ...servers],
  impossible: unloadable,
};
