/**
 * Every key that this product keeps in Redis beside BullMQ's own, each named once. The hash tag keeps them in one slot
 * of a cluster, so that a script may touch several.
 */
export const keys = {
  /** Sets of the ids of alerts taken lately: when the first is full it becomes the second. */
  seen: '{lanner}:seen',
  seenBefore: '{lanner}:seen-before',
  /** Stream of the latest alerts: `json`. */
  alerts: '{lanner}:alerts',
  /** String: the run's journal as JSON, with an expiry. */
  run: (id: string) => `{lanner}:run:${id}`,
  /** Hash of a run: step/attempt → when it was begun. */
  begun: (id: string) => `{lanner}:run:${id}:begun`,
  /** Sorted set of run ids by the time of their start. */
  runs: '{lanner}:runs',
  /** Stream of what happened, for live views: `kind`, `json`. */
  live: '{lanner}:live',
  /** Hash: node → what it said last, as JSON. */
  nodes: '{lanner}:nodes',
  /** Stream of commands to a node, its outbox. */
  outbox: (node: string) => `{lanner}:node:${node}:outbox`,
  /** String: the receipt of a command as JSON, with an expiry. */
  receipt: (command: string) => `{lanner}:receipt:${command}`,
  /** Channel: a node's outbox has something new (message: the node). */
  wakeNode: '{lanner}:wake:node',
  /** Channel: a receipt has come (message: the command's id). */
  wakeReceipt: '{lanner}:wake:receipt',
} as const;
