import type { NodeCommand, Receipt } from '#playbooks/command';
import type { Approve, Secrets } from '#playbooks/language/playbook';
import type { Answer, Approval, Run } from '#playbooks/language/run';
import type { Alert } from '#rules/alert';
import type { Kubernetes } from '../clients/kubernetes.ts';
import type { Action, ActionResult } from './action.ts';
import type { Ask, Message } from './outward.ts';

/**
 * Where a run's journal lives. Kept in Redis, so that a worker that dies in the middle leaves everything that the next
 * one needs: which steps have an outcome, and which were begun without one.
 */
export type Ledger = {
  load(runId: string): Promise<Run | undefined>;
  /** Replaces the journal. Resolves only when Redis has it. */
  save(run: Run): Promise<void>;
  /**
   * Replaces the journal and adds to the audit log, as one, and marks that `key` (step and attempt) is about to act:
   * `fresh` the first time, `begun` ever after. `begun` without an outcome in the journal means that an earlier worker
   * died while acting. What is sent to a node in the same turn goes with it, and never before it. `isFirst`: a journal that
   * is there already stays: another router was faster, and may have come further by now.
   */
  begin(run: Run, key: string, entry: AuditEntry, isFirst: boolean): Promise<'fresh' | 'begun'>;
  /** Replaces the journal and adds to the audit log, as one. */
  record(run: Run, entry: AuditEntry): Promise<void>;
};

/** Something that was decided or done, for the audit log: `kind` and what belongs to it, secrets masked. */
export type AuditEntry = { readonly kind: string } & Readonly<Record<string, unknown>>;

/** What people are asked about a step. */
export type Question = {
  readonly id: string;
  readonly run: string;
  readonly playbook: string;
  readonly step: string;
  readonly uses: string;
  /** Secrets masked. */
  readonly params: unknown;
  readonly alert: Alert;
  readonly alertId: string;
  readonly approve: Approve;
};

export type Approvals = {
  /** Asks people, once: when the same was asked before, says until when that holds. */
  ask(question: Question): Promise<Approval>;
  /** What became of it; `undefined`: people may still answer. */
  look(id: string): Promise<Answer | undefined>;
  /** The run has it in its journal. */
  taken(id: string): Promise<void>;
  /** The run has ended without it: whoever answers now is told that it is over. */
  drop(id: string): Promise<void>;
};

/** Pages that somebody has to acknowledge. */
export type Pages = {
  /** From now on the targets are told, one after the other. Resolves with how people answer; `undefined`: there are too many. */
  start(page: {
    readonly key: string;
    readonly targets: readonly string[];
    readonly ackWithinMs: number;
    readonly alert: Alert;
    readonly alertId: string;
    readonly playbook: string;
    readonly params: Readonly<Record<string, unknown>>;
  }): Promise<Ask | undefined>;
  /** A playbook has acknowledged or resolved what goes by this key, at this destination. */
  settled(
    key: string,
    verb: 'acknowledge' | 'resolve',
    about: { readonly playbook: string; readonly via: string },
  ): Promise<void>;
};

/** What performing a run needs from the outside; tests pass their own. */
export type RunPorts = {
  /** Every action, by the name that `uses` says. */
  readonly actions: ReadonlyMap<string, Action>;
  readonly ledger: Ledger;
  /** Delivers the command to its node and resolves with the node's receipt; rejects with the signal's reason. */
  sendToNode(node: string, command: NodeCommand, signal: AbortSignal): Promise<Receipt>;
  /** Resolves when the message lies in its destination's queue: `done`; the destination does the rest. */
  readonly hand: (message: Message) => Promise<ActionResult>;
  /** What handing something to that destination would do. */
  readonly explainHand: (via: string, uses: string) => ActionResult;
  /** The cluster that `k8s.*` acts on. */
  readonly kubernetes?: Kubernetes | undefined;
  readonly approvals: Approvals;
  readonly pages: Pages;
  readonly secrets: Secrets;
  readonly nowMs: () => number;
  /** 0 (inclusive) to 1 (exclusive). */
  readonly random: () => number;
};
