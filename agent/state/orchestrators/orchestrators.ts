import type { Kubernetes } from './kubernetes.ts';
import type { KubernetesPod, Named } from './kubernetes-pods.ts';
import type { MarathonApp, Mesos, MesosTask } from './mesos.ts';

/** What orchestrators know, asked by id. Missing is what nobody knows, and what has not been heard yet. */
export type Orchestrators = {
  pod(uid: string): KubernetesPod | undefined;
  namespace(name: string): Named | undefined;
  services(pod: KubernetesPod): readonly Named[];
  task(id: string): MesosTask | undefined;
  taskOfContainer(id: string): MesosTask | undefined;
  app(id: string): MarathonApp | undefined;
  appOfTask(id: string): MarathonApp | undefined;
};

/** Those that are there, as one. */
export function joinOrchestrators(kubernetes: Kubernetes | undefined, mesos: Mesos | undefined): Orchestrators {
  return {
    pod: (uid) => kubernetes?.pod(uid),
    namespace: (name) => kubernetes?.namespace(name),
    services: (pod) => kubernetes?.services(pod) ?? [],
    task: (id) => mesos?.task(id),
    taskOfContainer: (id) => mesos?.taskOfContainer(id),
    app: (id) => mesos?.app(id),
    appOfTask: (id) => mesos?.appOfTask(id),
  };
}
