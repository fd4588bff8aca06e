import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FindSecrets } from '#playbooks/cli/check';
import { makeLog } from '#rules/cli/log';
import { outwardCatalogue } from '../actions/all.ts';
import { makeKubernetes } from '../clients/kubernetes.ts';
import { s3Schema } from '../clients/s3.ts';
import { defaultDataFolder } from '../config/options.ts';
import { readRouterFile } from '../config/router-file.ts';
import { type ClusterSecrets, openClusterSecrets } from '../runs/cluster-secrets.ts';
import { makeSecrets } from '../runs/secrets.ts';

/** As a router finds them that is started with this configuration. */
export const findSecrets: FindSecrets = async (folder, config) =>
  makeSecrets(
    folder ?? join(defaultDataFolder(), 'secrets'),
    process.env,
    config === undefined ? undefined : await readCluster(config),
  );

/** Why one cannot be read stands on standard error; what else is wrong in the file is told by whoever checks it. */
async function readCluster(path: string): Promise<ClusterSecrets | undefined> {
  const kinds = new Map([...outwardCatalogue].map(([name, { sender }]) => [name, sender.settings] as const));
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
  const read = readRouterFile({ path, text }, kinds, s3Schema);
  if (!read.ok) return undefined;
  const { secrets: references, kubernetes } = read.file;
  const cluster = makeKubernetes(kubernetes);
  return openClusterSecrets({
    references,
    kubernetes: cluster,
    nowMs: Date.now,
    log: makeLog('lanner'),
    refresh: 'once',
  });
}
