import { createHash } from 'node:crypto';
import type { ActionStep, Approve } from '#playbooks/language/playbook';
import type { Run, StepState } from '#playbooks/language/run';
import { scopeOf } from '#playbooks/language/scope';
import type { LiveRun, RunRequest } from './perform.ts';
import { reasonToSkip } from './perform-step.ts';
import type { RunPorts } from './ports.ts';

type AskRequest = RunRequest & {
  readonly live: LiveRun;
  readonly id: string;
  readonly state: StepState;
  readonly step: ActionStep;
  readonly approve: Approve;
};

/** Asks people about a step that would be performed now. What they see is what would be done. */
export async function ask(request: AskRequest, ports: RunPorts): Promise<void> {
  const { live, id, step, state, approve, runId, alert, alertId } = request;
  const { nowMs } = ports;
  const scope = scopeOf(live.current(), request, state);
  const skipped = reasonToSkip(request, scope);
  if (skipped !== undefined) return live.note({ kind: 'step_skipped', step: id, reason: skipped, nowMs: nowMs() });
  const filled = step.fill(scope, ports.secrets);
  if (!filled.ok) {
    const about = { step: id, outcome: 'failed', detail: filled.reason, startedMs: nowMs(), nowMs: nowMs() } as const;
    return live.apply({ kind: 'step_ended', ...about, retry: false, retryAfterMs: undefined, random: 0 });
  }
  for (const secret of filled.secrets) live.secrets.add(secret);
  const playbook = request.playbook.name;
  const about = { run: runId, playbook, step: id, uses: step.uses, params: filled.masked };
  const approval = await ports.approvals.ask({ id: approvalIdOf(runId, id), ...about, alert, alertId, approve });
  const { via, by } = approve;
  await live.record(
    { kind: 'asked', step: id, approval, nowMs: nowMs() },
    { kind: 'approval_asked', approval: approval.id, alert: alertId, ...about, via, by, until_ms: approval.untilMs },
  );
}

/** Takes into the journal what people have answered meanwhile. */
export async function takeAnswers(live: LiveRun, { alertId }: RunRequest, ports: RunPorts): Promise<void> {
  for (const id of leftIn(live.current())) await ports.approvals.drop(id);
  for (const { id: step, approval } of openIn(live.current())) {
    const answer = await ports.approvals.look(approval.id);
    if (answer === undefined) continue;
    const { id: run, playbook } = live.current();
    const { verdict, by, way, atMs } = answer;
    const about = { approval: approval.id, run, alert: alertId, playbook, step };
    await live.record(
      { kind: 'answered', step, answer, nowMs: ports.nowMs() },
      { kind: 'approval_answered', ...about, verdict, by, way, at_ms: atMs },
    );
    await ports.approvals.taken(approval.id);
  }
}

function openIn({ steps, finishedMs }: Run) {
  if (finishedMs !== undefined) return [];
  return steps.flatMap(({ id, approval, state }) =>
    approval !== undefined && approval.answer === undefined && state === 'waiting' ? [{ id, approval }] : [],
  );
}

/** The playbook was changed meanwhile. */
function leftIn({ steps, finishedMs }: Run): readonly string[] {
  if (finishedMs === undefined) return [];
  return steps.flatMap(({ approval }) =>
    approval !== undefined && approval.answer === undefined ? [approval.id] : [],
  );
}

/** The same whichever router asks. */
function approvalIdOf(runId: string, step: string): string {
  return `a${createHash('sha256').update(`${runId}\n${step}`).digest('hex').slice(0, 23)}`;
}
