import type { Action } from '../runs/action.ts';
import { containerKill } from './container-kill.ts';
import { containerPause } from './container-pause.ts';
import { containerRemove } from './container-remove.ts';
import { containerStop } from './container-stop.ts';
import { containerUnpause } from './container-unpause.ts';
import { email } from './email.ts';
import { evidenceCollect } from './evidence-collect.ts';
import { fileQuarantine } from './file-quarantine.ts';
import { log } from './log.ts';
import { networkIsolate } from './network-isolate.ts';
import { networkRestore } from './network-restore.ts';
import { processKill } from './process-kill.ts';
import { processResume } from './process-resume.ts';
import { processStop } from './process-stop.ts';
import { program } from './program.ts';
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

/** Every action, by the name that `uses` says. */
export const actionCatalogue: ReadonlyMap<string, Action> = new Map(
  [...nodeActions, webhook, email, program, log].map((action) => [action.name, action]),
);
