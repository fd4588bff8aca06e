import { join } from 'node:path';
import type { FindSecrets } from '#playbooks/cli/check';
import { defaultDataFolder } from '../config/options.ts';
import { makeSecrets } from '../runs/secrets.ts';

/** As a router finds them that was started without options. */
export const findSecrets: FindSecrets = (folder) =>
  makeSecrets(folder ?? join(defaultDataFolder(), 'secrets'), process.env);
