import * as z from 'zod';
import { httpUrl } from '../clients/http-settings.ts';
import { visibleLine, visibleText } from '../clients/visible.ts';
import { defineOutward, destinationName } from '../runs/outward.ts';
import { alertmanagerCall, alertmanagerSettings } from './page/alertmanager-api.ts';
import { oncallCall, oncallSettings } from './page/oncall.ts';
import { opsgenieCall, opsgenieSettings } from './page/opsgenie.ts';
import { keyFor, type Page, type PageCall, pageSeverities, severityFor } from './page/paged.ts';
import { pagerdutyCall, pagerdutySettings } from './page/pagerduty.ts';
import { post } from './post.ts';
import { tellOf } from './told.ts';

const settings = z.discriminatedUnion('service', [
  pagerdutySettings,
  opsgenieSettings,
  oncallSettings,
  alertmanagerSettings,
]);

export const page = defineOutward({
  name: 'page',
  doc: 'Wakes up who is on call: PagerDuty, Opsgenie, Grafana OnCall, Alertmanager. `key` says what is the same incident (rule, node and container, if left out); a later step, or another playbook, resolves it with the same key.',
  params: z.strictObject({
    via: destinationName,
    action: z.enum(['trigger', 'acknowledge', 'resolve']).default('trigger'),
    summary: z.string().min(1).max(65_536).optional(),
    severity: z.enum(pageSeverities).optional(),
    key: z.string().trim().min(1, 'expected a text that is not empty').max(4_096).optional(),
    details: z.record(z.string().max(256), z.union([z.string(), z.number(), z.boolean()])).default({}),
    link: httpUrl.optional(),
  }),
  settings,
  // Whoever is woken up by it may go back to sleep.
  test: { severity: 'info', key: 'lanner-test' },
  async send({ action, summary, severity, key, details, link }, configured, context) {
    const { alert } = context;
    const told = tellOf(alert);
    const host = told.fields.find(([name]) => name === 'host')?.[1];
    const one: Page = {
      action,
      summary: visibleLine(summary ?? `${told.title}${host === undefined ? '' : ` on ${host}`}`),
      severity: severity ?? severityFor(alert.priority),
      key: key === undefined ? keyFor(alert) : visibleLine(key),
      details: Object.fromEntries([
        ...told.fields,
        ...Object.entries(details).map(([name, value]) => [visibleLine(name), visibleText(String(value))] as const),
      ]),
      link,
      alert: {
        ...alert,
        rule: visibleLine(alert.rule),
        source: visibleLine(alert.source),
        output: visibleText(alert.output),
        tags: alert.tags.map(visibleLine),
      },
      nowMs: Date.now(),
    };
    const call = callOf(one, configured);
    if ('impossible' in call) return { status: 'failed', retry: false, reason: call.impossible };
    const result = await post(call, context);
    // A test leaves nobody with an incident that stays open.
    if (key !== 'lanner-test' || action !== 'trigger' || result.status !== 'done') return result;
    const closing = callOf({ ...one, action: 'resolve' }, configured);
    return 'impossible' in closing ? result : post(closing, context);
  },
});

function callOf(told: Page, configured: z.output<typeof settings>): PageCall {
  switch (configured.service) {
    case 'pagerduty':
      return pagerdutyCall(told, configured);
    case 'opsgenie':
      return opsgenieCall(told, configured);
    case 'oncall':
      return oncallCall(told, configured);
    case 'alertmanager':
      return alertmanagerCall(told, configured);
  }
}
