import type { NodeCommand, Outcome } from '#playbooks/command';

/** How a node action went; `retry` only means something for `failed`. */
export type ActionResult = { readonly outcome: Outcome; readonly detail: string; readonly retry?: boolean };

/** One node action, with its parameters already checked. It may be called again for the same command. */
export type NodeAction = (command: NodeCommand, signal: AbortSignal) => Promise<ActionResult>;
