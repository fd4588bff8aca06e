import { bindScope } from '#playbooks/language/alert-fields';
import type { Scope } from '#playbooks/language/playbook';
import { type Alert, severityOf } from '#rules/alert';
import { compileSegments } from '#rules/language/format';
import { makeMachine, nextEvent } from '#rules/language/machine';
import { matchesName } from '#rules/language/name-pattern';
import { printable } from '#rules/language/printable';
import { falcoJson } from '../alerts/falco-json.ts';
import type { FalcoJsonParts } from '../config/json-parts.ts';
import type { OutputFormat, OutputSettings } from '../config/outputs.ts';
import type { Output } from './output.ts';
import type { Sink } from './sink.ts';

/** An output of the file: what goes there, in which form, how often, and the sink that takes it. */
export function makeChannel(
  settings: OutputSettings,
  sink: Sink,
  jsonParts: FalcoJsonParts,
  nowMs: () => number,
): Output {
  const render = makeRender(settings.format, jsonParts);
  const allows = settings.rate === undefined ? () => true : makeRate(settings.rate, nowMs);
  let limited = 0;
  return {
    name: settings.name,
    write(alert) {
      if (!isSelected(settings.select, alert)) return;
      if (allows()) sink.send(render(alert), severityOf(alert.priority));
      else limited++;
    },
    counters: () => ({ ...sink.counters(), ...(settings.rate !== undefined && { limited }) }),
    reopen: sink.reopen,
    close: sink.close,
  };
}

function isSelected({ minPriority, rules, tags }: OutputSettings['select'], alert: Alert): boolean {
  if (minPriority !== undefined && severityOf(alert.priority) > severityOf(minPriority)) return false;
  if (rules.length === 0 && tags.length === 0) return true;
  return rules.some((pattern) => matchesName(alert.rule, pattern)) || tags.some((tag) => alert.tags.includes(tag));
}

/** One line: what processes chose cannot break it, nor steer a terminal. */
function makeRender(format: OutputFormat, jsonParts: FalcoJsonParts): (alert: Alert) => string {
  switch (format.kind) {
    case 'json':
      return (alert) => falcoJson(alert, jsonParts);
    case 'text':
      return (alert) => printable(alert.output);
    case 'template': {
      const machine = makeMachine(bindScope);
      const compiled = compileSegments(format.template, machine, true);
      const steps = new Map<string, never>();
      return (alert) => {
        const scope: Scope = { alert, alertId: alert.lanner?.id ?? '', steps };
        nextEvent(machine);
        return printable(compiled.render(scope).text);
      };
    }
  }
}

/** A bucket that holds one period's alerts and fills evenly. */
function makeRate(
  { alerts, perMs }: { readonly alerts: number; readonly perMs: number },
  nowMs: () => number,
): () => boolean {
  let room = alerts;
  let atMs = nowMs();
  return () => {
    const now = nowMs();
    room = Math.min(alerts, room + ((now - atMs) * alerts) / perMs);
    atMs = now;
    if (room < 1) return false;
    room -= 1;
    return true;
  };
}
