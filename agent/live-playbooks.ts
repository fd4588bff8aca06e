import { actionSteps, type Playbook } from '#playbooks/language/playbook';
import type { RunMode } from '#playbooks/language/run';
import type { Capture } from './capture/kernel.ts';
import type { ResponseSettings } from './config/protection.ts';
import type { NodeSteps } from './respond/node-steps.ts';
import { makeReflexes, type Reflexes } from './respond/reflexes.ts';

/** The playbooks whose steps this node carries out by itself; they can be swapped while events flow. */
export type LivePlaybooks = {
  current(): readonly Playbook[];
  /** `undefined`: there are no steps in the kernel, and none can come. */
  readonly reflexes: Reflexes | undefined;
  /** Whether this node has, or may come to have, steps to carry out by itself. */
  readonly isResponding: boolean;
  /** From now on the kernel is told. */
  attach(capture: Pick<Capture, 'setReflexTests' | 'setReflexControl'>, isStopped: () => boolean): void;
  steps(steps: Pick<NodeSteps, 'use'>): void;
  /** The off switch was turned. */
  control(): void;
  /**
   * All of them or, with the reason, none. A program that starts meanwhile is judged by the old ones or by the new ones,
   * and an alert starts the steps of either.
   */
  swap(playbooks: readonly Playbook[]): Swapped;
};

export type Swapped =
  | { readonly ok: true }
  /** `isForRestart`: an agent that starts with them can use them. */
  | { readonly ok: false; readonly reason: string; readonly isForRestart?: true };

export type LivePlaybooksOptions = {
  readonly playbooks: readonly Playbook[];
  /** Others may come: from files that are read again, or from a router. */
  readonly mayChange: boolean;
  readonly mode: RunMode;
  readonly settings: ResponseSettings;
};

export type LivePlaybooksOutcome =
  | { readonly ok: true; readonly live: LivePlaybooks }
  | { readonly ok: false; readonly reason: string };

export function makeLivePlaybooks(options: LivePlaybooksOptions): LivePlaybooksOutcome {
  const { mayChange, mode, settings } = options;
  const made = makeReflexes({ playbooks: options.playbooks, mode, settings });
  if (!made.ok) return made;
  let playbooks = options.playbooks;
  const places = playbooks.flatMap((playbook) => actionSteps(playbook).map(({ where }) => where));
  const reflexes = mayChange || places.includes('kernel') ? made.reflexes : undefined;
  let nodeSteps: Pick<NodeSteps, 'use'> | undefined;
  let told: (Pick<Capture, 'setReflexTests' | 'setReflexControl'> & { readonly isStopped: () => boolean }) | undefined;
  const control = (): void => {
    if (reflexes !== undefined) told?.setReflexControl(reflexes.control(told.isStopped()));
  };
  return {
    ok: true,
    live: {
      current: () => playbooks,
      reflexes,
      isResponding: mayChange || places.some((where) => where !== 'router'),
      attach(capture, isStopped) {
        told = {
          setReflexTests: (...words) => capture.setReflexTests(...words),
          setReflexControl: (bytes) => capture.setReflexControl(bytes),
          isStopped,
        };
      },
      steps(steps) {
        nodeSteps = steps;
      },
      control,
      swap(next) {
        if (reflexes === undefined)
          return { ok: false, reason: 'this agent was started without playbooks: restart it' };
        const prepared = reflexes.prepare(next);
        if (!prepared.ok) return prepared;
        // What the rings hold of reflexes that are replaced is handed on under their names.
        told?.setReflexTests(prepared.tests, prepared.spared);
        prepared.use();
        control();
        nodeSteps?.use(next);
        playbooks = next;
        return { ok: true };
      },
    },
  };
}
