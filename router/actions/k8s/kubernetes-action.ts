import * as z from 'zod';
import { type Cluster, KubernetesFault } from '../../clients/kubernetes.ts';
import type { KubernetesSettings } from '../../config/kubernetes-settings.ts';
import { type Action, type ActionContext, type ActionResult, defineAction } from '../../runs/action.ts';

/** Names of objects (kubernetes.io, "Object Names and IDs"). */
export const objectName = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/, 'expected the name of an object: small letters, digits, - and .');

/** Read anew and tried again so often when somebody else changed the object meanwhile. */
const MOST_CONFLICTS = 4;

/** With what an action acts on the cluster. In a dry run (`isTry`) the API server is asked, and changes nothing. */
export type Acting = Pick<ActionContext, 'alert' | 'idempotencyKey' | 'signal' | 'deadlineMs' | 'playbook'> & {
  readonly cluster: Cluster;
  readonly settings: KubernetesSettings;
  readonly isTry: boolean;
};

type Definition<P extends object> = {
  readonly name: string;
  readonly doc: string;
  readonly params: z.ZodType<P>;
  readonly undo?: string;
  readonly outputs?: Action['outputs'];
  /** `harmless`: it destroys nothing, or undoes; neither the off switch nor the cap holds it back. */
  readonly kind: 'destructive' | 'harmless';
  target(params: P): string;
  /** Says what it did, or would do: see `told`. May reject with a `KubernetesFault`. */
  act(params: P, acting: Acting): Promise<ActionResult>;
};

/** An action on the cluster by its API server. All of them are safe to repeat. */
export function defineKubernetesAction<P extends object>(definition: Definition<P>): Action {
  const { name, doc, params, undo, outputs, kind, target, act } = definition;
  const perform = async (filled: P, context: ActionContext, isTry: boolean): Promise<ActionResult> => {
    const { kubernetes, signal } = context;
    if (kubernetes === undefined) return { status: 'refused', detail: 'this router acts on no cluster' };
    try {
      const cluster = await kubernetes.open(signal, isTry);
      const refusal = isTry || kind === 'harmless' ? undefined : kubernetes.refusal();
      if (refusal !== undefined) return { status: 'refused', detail: refusal };
      const acting = { ...context, cluster, settings: kubernetes.settings, isTry };
      return await withoutConflicts(() => act(filled, acting));
    } catch (error) {
      if (signal.aborted) return { status: 'timed_out', detail: 'the API server did not answer in time' };
      if (error instanceof KubernetesFault) return failed(error);
      throw error;
    }
  };
  return defineAction<P>({
    name,
    side: 'router',
    doc,
    params,
    idempotent: true,
    ...(undo === undefined ? {} : { undo }),
    ...(outputs === undefined ? {} : { outputs }),
    target,
    run: (filled, context) => perform(filled, context, false),
    dryRun: (filled, context) => perform(filled, context, true),
  });
}

/** 409: the object is not any more what was read. */
async function withoutConflicts(act: () => Promise<ActionResult>): Promise<ActionResult> {
  for (let turn = 1; ; turn += 1) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof KubernetesFault && error.status === 409) || turn === MOST_CONFLICTS) throw error;
    }
  }
}

function failed({ message: reason, retry, retryAfterMs }: KubernetesFault): ActionResult {
  return { status: 'failed', retry, reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

type Outputs = (ActionResult & { readonly status: 'done' })['outputs'];

/** The end of an action that went well, or would have. */
export function told({ isTry }: Acting, would: string, did: string, outputs?: Outputs): ActionResult {
  if (isTry) return { status: 'skipped', detail: `would ${would}` };
  return { status: 'done', detail: did, ...(outputs === undefined ? {} : { outputs }) };
}

export const gone = (what: string): ActionResult => ({ status: 'gone', detail: `there is no ${what} any more` });

export const refused = (detail: string): ActionResult => ({ status: 'refused', detail });
