import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import * as z from 'zod';

/** The API server of a cluster, and how to be let in. */
export type KubernetesAccess = {
  readonly url: URL;
  /** Asked for at each request, as the token: what lies in files is renewed while the agent runs. */
  readonly certificates: () => {
    readonly ca: string | undefined;
    readonly certificate: string | undefined;
    readonly key: string | undefined;
  };
  /** The file of a service account is written anew every hour. */
  readonly token: (() => string | undefined) | undefined;
};

export type AccessResult =
  | { readonly ok: true; readonly access: KubernetesAccess }
  | { readonly ok: false; readonly reason: string };

const folder = '/var/run/secrets/kubernetes.io/serviceaccount';

/** A pod's own access, by what kubelet puts into every container; `undefined` outside a cluster. */
export function readInCluster(
  environment: Readonly<Record<string, string | undefined>>,
  serviceAccount = folder,
): KubernetesAccess | undefined {
  const host = environment['KUBERNETES_SERVICE_HOST'];
  const port = environment['KUBERNETES_SERVICE_PORT'] ?? '443';
  const readCa = () => readText(`${serviceAccount}/ca.crt`);
  if (host === undefined || readCa() === undefined) return undefined;
  return {
    url: new URL(`https://${host.includes(':') ? `[${host}]` : host}:${port}`),
    certificates: () => ({ ca: readCa(), certificate: undefined, key: undefined }),
    token: () => readText(`${serviceAccount}/token`)?.trim(),
  };
}

const cluster = z.object({
  server: z.url(),
  'certificate-authority': z.string().optional(),
  'certificate-authority-data': z.string().optional(),
});
const user = z.object({
  token: z.string().optional(),
  tokenFile: z.string().optional(),
  'client-certificate': z.string().optional(),
  'client-certificate-data': z.string().optional(),
  'client-key': z.string().optional(),
  'client-key-data': z.string().optional(),
});
const kubeconfig = z.object({
  'current-context': z.string(),
  contexts: z.array(z.object({ name: z.string(), context: z.object({ cluster: z.string(), user: z.string() }) })),
  clusters: z.array(z.object({ name: z.string(), cluster })),
  users: z.array(z.object({ name: z.string(), user })),
});

/** Reads the current context of a kubeconfig (kubernetes.io, "Organizing Cluster Access"). Programs in it are not run. */
export function readKubeconfig(path: string): AccessResult {
  const fail = (reason: string): AccessResult => ({ ok: false, reason: `${path}: ${reason}` });
  const text = readText(path);
  if (text === undefined) return fail('cannot be read');
  const read = kubeconfig.safeParse(parseYaml(text));
  if (!read.success) {
    const [issue] = read.error.issues;
    return fail(`${issue?.path.join('.')}: ${issue?.message}`);
  }
  const { contexts, clusters, users } = read.data;
  const context = contexts.find(({ name }) => name === read.data['current-context'])?.context;
  const server = clusters.find(({ name }) => name === context?.cluster)?.cluster;
  const me = users.find(({ name }) => name === context?.user)?.user;
  if (server === undefined || me === undefined) return fail('the current context has no cluster or no user');
  const beside = (file: string | undefined) => (file === undefined ? undefined : resolve(dirname(path), file));
  const part = (data: string | undefined, file: string | undefined) =>
    data === undefined ? readText(beside(file)) : Buffer.from(data, 'base64').toString('utf8');
  const tokenFile = beside(me.tokenFile);
  const token =
    me.token === undefined && tokenFile === undefined ? undefined : () => me.token ?? readText(tokenFile)?.trim();
  return {
    ok: true,
    access: {
      url: new URL(server.server),
      certificates: () => ({
        ca: part(server['certificate-authority-data'], server['certificate-authority']),
        certificate: part(me['client-certificate-data'], me['client-certificate']),
        key: part(me['client-key-data'], me['client-key']),
      }),
      token,
    },
  };
}

function readText(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // Whoever needs it says that it is missing.
  }
}

function parseYaml(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return undefined; // The schema then says what it expected.
  }
}
