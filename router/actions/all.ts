import type { Action } from '../runs/action.ts';
import type { OutwardAction } from '../runs/outward.ts';
import { chat } from './chat.ts';
import { containerKill } from './container-kill.ts';
import { containerPause } from './container-pause.ts';
import { containerRemove } from './container-remove.ts';
import { containerStop } from './container-stop.ts';
import { containerUnpause } from './container-unpause.ts';
import { email } from './email.ts';
import { evidenceCollect } from './evidence-collect.ts';
import { fileQuarantine } from './file-quarantine.ts';
import { functionAction } from './function.ts';
import { k8sAnnotate, k8sUnannotate } from './k8s-annotate.ts';
import { k8sCordon, k8sUncordon } from './k8s-cordon.ts';
import { k8sDeletePod } from './k8s-delete-pod.ts';
import { k8sDrain } from './k8s-drain.ts';
import { k8sEvent } from './k8s-event.ts';
import { k8sIsolatePod, k8sRestorePod } from './k8s-isolate-pod.ts';
import { k8sLabel, k8sUnlabel } from './k8s-label.ts';
import { log } from './log.ts';
import { networkIsolate } from './network-isolate.ts';
import { networkRestore } from './network-restore.ts';
import { nodeCordon, nodeUncordon } from './node-cordon.ts';
import { page } from './page.ts';
import { processKill } from './process-kill.ts';
import { processResume } from './process-resume.ts';
import { processStop } from './process-stop.ts';
import { program } from './program.ts';
import { siem } from './siem.ts';
import { webhook } from './webhook.ts';

/** What the node that raised the alert carries out. */
const nodeActions = [
  processKill,
  processStop,
  processResume,
  containerKill,
  containerStop,
  containerPause,
  containerUnpause,
  containerRemove,
  networkIsolate,
  networkRestore,
  fileQuarantine,
  evidenceCollect,
];

/** What tells the world; destinations are of these kinds. */
const outwardActions: readonly OutwardAction[] = [page, chat, webhook, email, functionAction, siem];

/** What is done to the cluster, by its API server. */
const kubernetesActions = [
  k8sDeletePod,
  k8sIsolatePod,
  k8sRestorePod,
  k8sLabel,
  k8sUnlabel,
  k8sAnnotate,
  k8sUnannotate,
  k8sCordon,
  k8sUncordon,
  nodeCordon,
  nodeUncordon,
  k8sDrain,
  k8sEvent,
];

/** By name. */
export const outwardCatalogue: ReadonlyMap<string, OutwardAction> = new Map(
  outwardActions.map((action) => [action.name, action]),
);

/** Every action, by the name that `uses` says. */
export const actionCatalogue: ReadonlyMap<string, Action> = new Map(
  [...nodeActions, ...outwardActions, ...kubernetesActions, program, log].map((action) => [action.name, action]),
);
