import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Containerd, startContainerd } from '../support/containerd.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { startDaemon } from './daemon.ts';
import { type KubeClient, openKubeClient } from './kube-client.ts';
import { noteTraces } from './kubelet-traces.ts';

/** A node's name is where the API server reaches its kubelet: all is on loopback. */
export const nodeName = 'localhost';

/** A whole Kubernetes on this machine: etcd, API server, controllers, and a kubelet on a containerd of its own. */
export type Cluster = {
  /** An administrator. */
  readonly admin: KubeClient;
  readonly containerd: Containerd;
  /** Where kubelet looks for pods of its own. */
  readonly staticPods: string;
  /** A file for `--kubeconfig`; the token lies in a file beside it. */
  kubeconfig(name: string, token: string): string;
  /** Words before a command that then has what kubelet gives to every container: the account's files and the server's address. */
  inCluster(token: string): readonly string[];
  /** Without a farewell: its connections break. */
  killServer(): Promise<void>;
  startServer(): Promise<void>;
  close(): Promise<void>;
};

const tokens = { admin: 'an-admin', kubelet: 'a-kubelet', controllers: 'controllers' };

export async function startCluster(): Promise<Cluster> {
  // Prints where the programs are; they were built before.
  const programs = execFileSync('sh', ['infra/build-kubernetes.sh'], { encoding: 'utf8' }).trim();
  const folder = mkdtempSync(join(tmpdir(), 'lanner-kubernetes-'));
  const closers: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
  const close = async () => {
    for (const each of closers.splice(0).toReversed()) await each();
  };
  try {
    const cluster = await startParts(folder, programs, closers);
    return { ...cluster, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startParts(
  folder: string,
  programs: string,
  closers: (() => unknown)[],
): Promise<Omit<Cluster, 'close'>> {
  const file = (name: string) => join(folder, name);
  const [etcdPort, peerPort, port, controllersPort, kubeletPort, healthPort] = await Promise.all(
    Array.from({ length: 6 }, freePort),
  );
  const run = (program: string, args: Readonly<Record<string, string | number | boolean>>) =>
    startDaemon(
      folder,
      join(programs, program),
      Object.entries(args).map(([key, value]) => `--${key}=${value}`),
    );

  const kubeletFolder = file('kubelet');
  closers.push(noteTraces(kubeletFolder));
  const containerd = await startContainerd();
  closers.push(() => containerd.close());

  const etcdUrl = `http://127.0.0.1:${etcdPort}`;
  const peerUrl = `http://127.0.0.1:${peerPort}`;
  const etcd = run('etcd', {
    name: 'one',
    'data-dir': file('etcd'),
    'listen-client-urls': etcdUrl,
    'advertise-client-urls': etcdUrl,
    'listen-peer-urls': peerUrl,
    'initial-advertise-peer-urls': peerUrl,
    'initial-cluster': `one=${peerUrl}`,
  });
  closers.push(() => etcd.stop('hard'));

  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  writeFileSync(file('accounts.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  writeFileSync(file('accounts.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
  writeFileSync(
    file('tokens.csv'),
    [
      `${tokens.admin},admin,admin,"system:masters"`,
      `${tokens.controllers},controllers,controllers,"system:masters"`,
      `${tokens.kubelet},system:node:${nodeName},kubelet,"system:nodes"`,
    ].join('\n'),
  );
  const url = new URL(`https://127.0.0.1:${port}`);
  // The server makes a certificate of its own, with the authority that signed it behind it.
  const ca = () => readFileSync(file('server/apiserver.crt'), 'utf8');
  const admin = openKubeClient(url, ca, tokens.admin);
  const runServer = () =>
    run('kube-apiserver', {
      'etcd-servers': etcdUrl,
      'bind-address': '127.0.0.1',
      'secure-port': String(port),
      'cert-dir': file('server'),
      'token-auth-file': file('tokens.csv'),
      'authorization-mode': 'Node,RBAC',
      'service-account-issuer': 'https://kubernetes.default.svc',
      'service-account-key-file': file('accounts.pub'),
      'service-account-signing-key-file': file('accounts.key'),
      'service-cluster-ip-range': '10.231.78.0/24',
      'endpoint-reconciler-type': 'none',
      'kubelet-preferred-address-types': 'Hostname',
      // Without a scheduler nobody needs taints.
      'disable-admission-plugins': 'TaintNodesByCondition',
    });
  let server = runServer();
  closers.push(() => server.stop('hard'));
  const isReady = async () => (await admin.ask('GET', '/readyz')).status === 200;
  await server.ready(isReady);

  const kubeconfig = (name: string, token: string) => {
    writeFileSync(file(`${name}.token`), token);
    writeFileSync(file(`${name}.kubeconfig`), kubeconfigOf(url, file('server/apiserver.crt'), `${name}.token`));
    return file(`${name}.kubeconfig`);
  };
  const inCluster = (token: string) => {
    const account = mkdtempSync(join(folder, 'account-'));
    copyFileSync(file('server/apiserver.crt'), join(account, 'ca.crt'));
    writeFileSync(join(account, 'token'), token);
    const at = '/run/secrets/kubernetes.io/serviceaccount';
    // Nobody else's: the folder for it goes again.
    if (!existsSync('/run/secrets')) closers.push(() => rmSync('/run/secrets', { recursive: true, force: true }));
    const address = `KUBERNETES_SERVICE_HOST=127.0.0.1 KUBERNETES_SERVICE_PORT=${port}`;
    const lines = `mkdir -p ${at}; mount --bind ${account} ${at}; exec env ${address} "$0" "$@"`;
    return ['unshare', '-m', '--propagation', 'private', 'sh', '-euc', lines];
  };
  const controllers = run('kube-controller-manager', {
    kubeconfig: kubeconfig('controllers', tokens.controllers),
    'bind-address': '127.0.0.1',
    'secure-port': String(controllersPort),
    port: '0',
    'cert-dir': file('controllers'),
    'leader-elect': 'false',
    'service-account-private-key-file': file('accounts.key'),
    'root-ca-file': file('server/apiserver.crt'),
  });
  closers.push(() => controllers.stop('hard'));

  mkdirSync(file('static'));
  writeFileSync(file('kubelet.json'), kubeletConfig(folder, kubeletPort ?? 0, healthPort ?? 0));
  const kubelet = run('kubelet', {
    kubeconfig: kubeconfig('kubelet', tokens.kubelet),
    config: file('kubelet.json'),
    'hostname-override': nodeName,
    'root-dir': kubeletFolder,
    'cert-dir': file('kubelet-certificates'),
    'container-runtime': 'remote',
    'container-runtime-endpoint': `unix://${containerd.socket}`,
  });
  closers.push(() => kubelet.stop('kindly'));
  await kubelet.ready(async () => (await admin.ask('GET', `/api/v1/nodes/${nodeName}`)).status === 200);
  // Without the account that every pod runs as, none can be made.
  await eventually(
    'the default service account',
    async () =>
      (await admin.ask('GET', '/api/v1/namespaces/default/serviceaccounts/default')).status === 200 || undefined,
    30_000,
  );
  return {
    admin,
    containerd,
    kubeconfig,
    inCluster,
    staticPods: file('static'),
    killServer: () => server.stop('hard'),
    async startServer() {
      server = runServer();
      await server.ready(isReady);
    },
  };
}

const kubeconfigOf = (url: URL, ca: string, tokenFile: string) => `
apiVersion: v1
kind: Config
current-context: here
contexts: [{name: here, context: {cluster: here, user: me}}]
clusters: [{name: here, cluster: {server: "${url.origin}", certificate-authority: "${ca}"}}]
users: [{name: me, user: {tokenFile: ${tokenFile}}}]
`;

/** kubelet.config.k8s.io/v1beta1: one that leaves the machine as it is, as far as it can be told. */
const kubeletConfig = (folder: string, port: number, healthPort: number) =>
  JSON.stringify({
    kind: 'KubeletConfiguration',
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    address: '127.0.0.1',
    port,
    healthzPort: healthPort,
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: 'AlwaysAllow' },
    cgroupDriver: 'cgroupfs',
    enforceNodeAllocatable: [],
    failSwapOn: false,
    makeIPTablesUtilChains: false,
    // It may not lower its own here.
    oomScoreAdj: 0,
    evictionHard: { 'memory.available': '0%', 'nodefs.available': '0%', 'imagefs.available': '0%' },
    imageGCHighThresholdPercent: 100,
    resolvConf: '',
    volumePluginDir: join(folder, 'plugins'),
    staticPodPath: join(folder, 'static'),
    fileCheckFrequency: '1s',
    syncFrequency: '2s',
  });
