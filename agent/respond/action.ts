import type { Pidfds } from '#native';
import type { NodeCommand, Outcome } from '#playbooks/command';
import type { Protection } from '../config/protection.ts';
import type { Event } from '../events/event.ts';
import type { CgroupContainer } from '../state/containers/cgroup.ts';
import type { ContainerDetails } from '../state/containers/container.ts';
import type { Engine } from '../state/containers/engine.ts';
import type { EvidenceFolder } from './evidence-folder.ts';
import type { Self } from './guard.ts';

/** How a node action went; `retry` only means something for `failed`. */
export type ActionResult = { readonly outcome: Outcome; readonly detail: string; readonly retry?: boolean };

/** One node action; it checks its parameters. It may be called again for the same command. */
export type NodeAction = (command: NodeCommand, signal: AbortSignal) => Promise<ActionResult>;

/** What node actions need from the rest of the agent. */
export type ActionPorts = {
  readonly engines: () => readonly Engine[];
  /** What is known of a container; `undefined` when no engine and no file tells. */
  readonly describe: (container: CgroupContainer) => Promise<ContainerDetails | undefined>;
  /** Descendants, as events told them: those whose own parent has ended, too. Events that wait are taken in first. */
  readonly descendants: (process: { readonly pid: number; readonly startTicks: bigint }) => readonly number[];
  /** Of the last events that came, those that are wanted, by the id of their container. Events that wait are taken in first. */
  readonly history: (isWanted: (event: Event, container: string | undefined) => boolean) => readonly Event[];
  readonly self: Self;
  readonly protection: Protection;
  readonly bootId: string;
  readonly pidfds: Pidfds;
  readonly dataFolder: string;
  /** What the router calls this host. */
  readonly node: string;
  readonly evidence: EvidenceFolder;
  /** Says where the evidence lies besides this node, or why it does not. */
  readonly sendEvidence: (id: string) => Promise<string>;
};
