import type { MarathonApp, MesosTask } from '../state/orchestrators/mesos.ts';
import type { Process } from '../state/process.ts';
import { oneLabel, writeLabels } from './labels.ts';
import { environmentAt } from './program.ts';
import type { Reader, ReaderTable, Scene } from './scene.ts';

/** How Mesos names the containers that it has Docker start: `mesos-<id>`, earlier `mesos-<agent>.<id>`. */
const dockerName = /^mesos-(?:.+\.)?([0-9a-f-]{36})$/;

/** Steps up from a process to what Mesos started in the container: its executor, or the task itself. */
const MOST_STEPS = 16;

/**
 * A variable that Mesos or Marathon gave the task: from the container's description, or where Mesos runs it without an
 * engine from the process itself, or from one above it in the container, as many a process has ended by then.
 */
function variable(scene: Scene, name: string): string | undefined {
  const { container, process, around } = scene;
  if (container === undefined) return undefined;
  const described = container.details?.environment.get(name);
  if (described !== undefined || container.engine !== 'mesos') return described;
  const { processes } = around;
  const isInside = (each: Process) => each === process || each.context.cgroup?.includes(container.id) === true;
  let at = process;
  for (let steps = 0; at !== undefined && isInside(at) && steps < MOST_STEPS; steps++) {
    const environment = at === process ? environmentAt(scene.event, at, around) : around.environment(at);
    const entry = environment?.split('\0').find((each) => each.startsWith(`${name}=`));
    if (entry !== undefined) return entry.slice(name.length + 1);
    at = processes.ancestor(at, 1);
  }
  return undefined;
}

function taskOf(scene: Scene): MesosTask | undefined {
  const { container, around } = scene;
  if (container === undefined) return undefined;
  const id = container.engine === 'mesos' ? container.id : dockerName.exec(container.details?.name ?? '')?.[1];
  const byContainer = id === undefined ? undefined : around.orchestrators.taskOfContainer(id);
  if (byContainer !== undefined) return byContainer;
  const told = variable(scene, 'MESOS_TASK_ID');
  return told === undefined ? undefined : around.orchestrators.task(told);
}

const taskId = (scene: Scene): string | undefined => variable(scene, 'MESOS_TASK_ID') ?? taskOf(scene)?.id;

function appOf(scene: Scene): MarathonApp | undefined {
  const { orchestrators } = scene.around;
  const told = variable(scene, 'MARATHON_APP_ID');
  if (told !== undefined) return orchestrators.app(told);
  const task = taskId(scene);
  return task === undefined ? undefined : orchestrators.appOfTask(task);
}

/** `/shop/web`: applications lie in groups as files in folders. */
const appId = (scene: Scene): string | undefined => variable(scene, 'MARATHON_APP_ID') ?? appOf(scene)?.id;

const lastPart = (path: string | undefined): string | undefined => path?.slice(path.lastIndexOf('/') + 1) || undefined;

/** The group's id; `/` for an application that is in none. */
const groupId = (scene: Scene): string | undefined => {
  const id = appId(scene);
  return id === undefined ? undefined : id.slice(0, Math.max(1, id.lastIndexOf('/')));
};

const ofTask = (read: (task: MesosTask) => string | undefined): Reader => {
  return (scene) => {
    const task = taskOf(scene);
    return task && read(task);
  };
};

/** The Mesos task and the Marathon application that the process belongs to. */
export const mesosFields = {
  'mesos.task.name': { read: ofTask(({ name }) => name) },
  'mesos.task.id': { read: taskId },
  'mesos.task.label': oneLabel((scene) => taskOf(scene)?.labels),
  'mesos.task.labels': { read: ofTask(({ labels }) => writeLabels(labels)) },
  'mesos.framework.name': { read: ofTask(({ frameworkName }) => frameworkName) },
  'mesos.framework.id': { read: (scene) => variable(scene, 'MESOS_FRAMEWORK_ID') ?? taskOf(scene)?.frameworkId },
  'marathon.app.name': { read: (scene) => lastPart(appId(scene)) },
  'marathon.app.id': { read: appId },
  'marathon.app.label': oneLabel((scene) => appOf(scene)?.labels),
  'marathon.app.labels': { read: (scene) => writeLabels(appOf(scene)?.labels) },
  'marathon.group.name': { read: (scene) => lastPart(groupId(scene)) },
  'marathon.group.id': { read: groupId },
} as const satisfies ReaderTable;
