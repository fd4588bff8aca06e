import { type Kubernetes, makeKubernetes } from '../../router/clients/kubernetes.ts';
import { kubernetesSchema } from '../../router/config/kubernetes-settings.ts';
import { type Performing, perform } from './action.ts';
import { KubernetesApi } from './kubernetes-api.ts';
import { shellAlert } from './sending.ts';

export const thePod = { namespace: 'web', pod: 'shop-7d9' };
export const policies = '/apis/networking.k8s.io/v1/namespaces/web/networkpolicies';
export const nodePath = (name: string) => `/api/v1/nodes/${name}`;
export const podPath = (name: string, namespace = 'web') => `/api/v1/namespaces/${namespace}/pods/${name}`;
export const owner = (uid: string, kind = 'ReplicaSet') => [
  { apiVersion: 'apps/v1', kind, name: 'shop', uid, controller: true },
];
const ready = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
const usual = {
  metadata: { labels: { app: 'shop' }, ownerReferences: owner('rs') },
  spec: { nodeName: 'two', containers: [] },
};

type Parts = { readonly metadata?: object; readonly spec?: object; readonly status?: object };

/** A cluster of three nodes with a pod on one of them, and how actions come to it. */
export class KubernetesStage {
  readonly api = new KubernetesApi();
  #kubernetes: Kubernetes | undefined;

  reset(): void {
    const { api } = this;
    api.objects.clear();
    api.budgets.length = 0;
    api.instead.length = 0;
    api.forbidden.clear();
    api.meanwhile = undefined;
    for (const name of ['one', 'two', 'three']) this.node(name);
    this.pod('shop-7d9', { metadata: { uid: 'uid-shop' } });
    this.set({});
    api.asked.length = 0;
  }

  pod(name: string, { metadata, spec, status }: Parts = {}, namespace = 'web'): void {
    this.api.put(podPath(name, namespace), {
      metadata: { ...usual.metadata, ...metadata, name, namespace },
      spec: { ...usual.spec, ...spec },
      status: { ...ready, ...status },
    });
  }

  node(name: string, labels = {}, spec = {}): void {
    this.api.put(nodePath(name), { metadata: { name, labels }, spec });
  }

  /** The library is large: it is loaded before a step's time counts. */
  async open(): Promise<void> {
    await Promise.all([this.api.listen(), import('@kubernetes/client-node')]);
  }

  /** What the router's configuration says. */
  set(settings: object, isStopped = () => false): void {
    const read = kubernetesSchema.parse({ kubeconfig_file: this.api.kubeconfig, ...settings });
    this.#kubernetes = makeKubernetes(read, isStopped);
  }

  perform = (name: string, params: object, options: Performing = {}) =>
    perform(name, params, { alert: shellAlert, kubernetes: this.#kubernetes, ...options });

  tryOut = (name: string, params: object, options: Performing = {}) =>
    this.perform(name, params, { ...options, mode: 'dry-run' });

  /** What was asked that changes something. */
  changes = () => this.api.asked.filter((line) => !line.startsWith('GET'));
}
