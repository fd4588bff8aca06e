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
import { log } from './log.ts';
import { networkIsolate } from './network-isolate.ts';
import { networkRestore } from './network-restore.ts';
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

/** By name. */
export const outwardCatalogue: ReadonlyMap<string, OutwardAction> = new Map(
  outwardActions.map((action) => [action.name, action]),
);

/** Every action, by the name that `uses` says. */
export const actionCatalogue: ReadonlyMap<string, Action> = new Map(
  [...nodeActions, ...outwardActions, program, log].map((action) => [action.name, action]),
);
