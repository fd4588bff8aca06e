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
  /** String: the router that performs a run, with an expiry. */
  held: (id: string) => `{lanner}:run:${id}:held`,
  /** String: what a playbook remembers of its runs, as JSON; `:m:GROUP` and `:d:GROUP` of count, sequence and dedupe. */
  gate: (mode: string, playbook: string) => `{lanner}:gate:${mode}:${playbook}`,
  /** String: what was decided on an alert and a playbook, as JSON, with an expiry. */
  decision: (runId: string) => `{lanner}:decision:${runId}`,
  /** Sorted set of run ids by the time of their start. */
  runs: '{lanner}:runs',
  /** Stream of what happened, for live views: `kind`, `json`. */
  live: '{lanner}:live',
  /** Stream of the audit log, `line` each, and what its last entry is: number and hash. */
  audit: '{lanner}:audit',
  auditHead: '{lanner}:audit:head',
  /** Hash: node → what it said last, as JSON. */
  nodes: '{lanner}:nodes',
  /** Stream of commands to a node, its outbox. */
  outbox: (node: string) => `{lanner}:node:${node}:outbox`,
  /** String: the receipt of a command as JSON, with an expiry. */
  receipt: (command: string) => `{lanner}:receipt:${command}`,
  /** Hash: id → evidence that nodes handed over, as JSON; sorted set of the ids by the time of collecting. */
  evidence: '{lanner}:evidence',
  evidenceTimes: '{lanner}:evidence:times',
  /** String: a question or a page as JSON, with an expiry; and the sorted set of those with something to be done, by when. */
  timed: (kind: string, id: string) => `{lanner}:${kind}:${id}`,
  due: (kind: string) => `{lanner}:${kind}s:due`,
  /** String: the key that links in messages are signed with. */
  linkKey: '{lanner}:link-key',
  /** Hash: id → a silence that a person made, as JSON; id → how many alerts it has hidden. */
  silences: '{lanner}:silences',
  silencesHidden: '{lanner}:silences:hidden',
  /** Channel: a silence was made or ended. */
  wakeSilences: '{lanner}:wake:silences',
  /** List: what a destination gathers for its next digest, rows as JSON; beside it what is closed, and ids that it knows. */
  digest: (name: string) => `{lanner}:digest:${name}`,
  /** Sorted set: destinations with a digest, by when it is due. */
  digestsDue: '{lanner}:digests:due',
  /** Hash: how a destination does. */
  destination: (name: string) => `{lanner}:destination:${name}`,
  /** String: which commit of the repository is used, as JSON. */
  revision: '{lanner}:revision',
  /** String: the files of a commit, as JSON, with an expiry. */
  revisionFiles: (commit: string) => `{lanner}:revision:${commit}`,
  /** String: what the last look at the repository found, as JSON. */
  revisionLook: '{lanner}:revision:look',
  /** String: the router that looks at the repository now, with an expiry. */
  revisionTurn: '{lanner}:revision:turn',
  /** Channel: another commit is used. */
  wakeRevision: '{lanner}:wake:revision',
  /** String: that nodes are not to respond, as JSON; not there: they may. */
  responding: '{lanner}:responding',
  /** Channel: the word on responding has changed. */
  wakeResponding: '{lanner}:wake:responding',
  /** Channel: a node's outbox has something new (message: the node). */
  wakeNode: '{lanner}:wake:node',
  /** Channel: a receipt has come (message: the command's id). */
  wakeReceipt: '{lanner}:wake:receipt',
} as const;
