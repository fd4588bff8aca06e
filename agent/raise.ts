import { randomUUID } from 'node:crypto';
import type { Alert, AlertFieldValue } from '#rules/alert';
import type { Log } from '#rules/cli/log';
import { compileRuleSet } from '#rules/language/compile';
import { makeAlert } from './alerts/make-alert.ts';
import { REFLEX_RULE, reflexRule, reflexSentences } from './alerts/reflex-rule.ts';
import type { AgentOptions } from './config/options.ts';
import type { EngineOptions, Fired } from './engine/engine.ts';
import type { InternalAlert } from './engine/loss.ts';
import { bindField } from './fields/bind.ts';
import type { Scene } from './fields/scene.ts';
import type { Output } from './outputs/output.ts';
import type { Clock } from './state/clock.ts';

/** Where and when alerts are made. */
export type AlertPorts = { readonly clock: Clock; readonly options: AgentOptions; readonly bootId: string };

/** The alert of a rule that fired. */
export function toAlert({ rule, scene, part }: Fired, ports: AlertPorts) {
  const { name, priority, source, tags } = rule;
  return makeAlert(
    {
      rule: name,
      priority,
      source,
      tags,
      text: rule.format(scene),
      fields: { ...rule.outputFields(scene), ...markOf(part) },
    },
    occurrence(ports, ports.clock.wallNs(scene.event.timeNs), part),
  );
}

/** What the kernel did by itself to the program of this event. */
function markOf({ reflex }: Fired['part']): Readonly<Record<string, AlertFieldValue>> {
  return reflex === undefined ? {} : { 'lanner.reflex': reflex.verdict, 'lanner.reflex.steps': [...reflex.steps] };
}

/** An alert for each step in the kernel that fired, whether it killed or not. */
export function makeReflexed(write: (alert: Alert) => void, ports: AlertPorts): NonNullable<EngineOptions['reflexed']> {
  const rules = compileRuleSet<Scene>({ rules: [reflexRule()] }, bindField, { matching: 'first' });
  return ({ scene, part }) => {
    // Matching also lets go of what was read from the event before.
    const [rule] = rules.match(scene.type, scene);
    if (rule === undefined) throw new Error(`the rule of reflexes does not match ${scene.type}`);
    const { priority, source, tags } = rule;
    const wallNs = ports.clock.wallNs(scene.event.timeNs);
    const { verdict = 'failed', steps = [] } = part.reflex ?? {};
    for (const step of steps) {
      const name = `${REFLEX_RULE}: ${step}`;
      const text = `${name}: ${reflexSentences[verdict]} | ${rule.format(scene)}`;
      const match = {
        rule: name,
        priority,
        source,
        tags,
        text,
        fields: { ...rule.outputFields(scene), ...markOf({ reflex: { verdict, steps: [step] } }) },
      };
      write(makeAlert(match, occurrence(ports, wallNs, { ...part, reflex: { verdict, steps: [step] } })));
    }
  };
}

function occurrence({ clock, options, bootId }: AlertPorts, wallNs: bigint, part: Partial<Fired['part']>) {
  return {
    wallNs,
    offsetMinutes: clock.offsetMinutes(),
    hostname: options.hostname,
    isoTimes: options.isoTimes,
    random: randomUUID(),
    part: { node: options.node, boot_id: bootId, ...part },
  };
}

/** What the agent says of itself goes to the log and, as an alert, to every output. */
export function makeInternal(ports: AlertPorts, outputs: readonly Output[], log: Log): (alert: InternalAlert) => void {
  return ({ whose = 'Lanner', what, priority, message, fields }) => {
    const rule = `${whose} internal: ${what}`;
    const pairs = Object.entries(fields).map(
      ([key, value]) => `${key}=${whose === 'Falco' ? value : JSON.stringify(value)}`,
    );
    const text = `${rule}. ${message}${pairs.length > 0 ? ` (${pairs.join(' ')})` : ''}`;
    const wallNs = ports.clock.wallNs(ports.clock.sinceBootNs());
    log('warn', `${rule}. ${message}`, fields);
    const alert = makeAlert(
      { rule, priority, source: 'internal', tags: [], text, fields },
      occurrence(ports, wallNs, {}),
    );
    for (const output of outputs) output.write(alert);
  };
}
