import type { Action } from '../runs/action.ts';
import { containerKill } from './container-kill.ts';
import { email } from './email.ts';
import { log } from './log.ts';
import { program } from './program.ts';
import { webhook } from './webhook.ts';

/** Every action, by the name that `uses` says. */
export const actionCatalogue: ReadonlyMap<string, Action> = new Map(
  [containerKill, webhook, email, program, log].map((action) => [action.name, action]),
);
