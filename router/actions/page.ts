import * as z from 'zod';
import { duration } from '#playbooks/language/duration';
import { httpUrl } from '../clients/http-settings.ts';
import { visibleLine, visibleText } from '../clients/visible.ts';
import { defineOutward, destinationName } from '../runs/outward.ts';
import { alertmanagerCall, alertmanagerSettings } from './page/alertmanager-api.ts';
import { oncallCall, oncallSettings } from './page/oncall.ts';
import { opsgenieCall, opsgenieSettings } from './page/opsgenie.ts';
import { fitKey, keyFor, type Page, type PageCall, pageSeverities, severityFor } from './page/paged.ts';
import { pagerdutyCall, pagerdutySettings } from './page/pagerduty.ts';
import { post } from './post.ts';
import { tellOf } from './told.ts';

/** The shortest that a pager takes. */
const MOST_KEY = 255;
const MOST_TARGETS = 8;

const settings = z.discriminatedUnion('service', [
  pagerdutySettings,
  opsgenieSettings,
  oncallSettings,
  alertmanagerSettings,
]);

export const page = defineOutward({
  name: 'page',
  doc: 'Wakes up who is on call: PagerDuty, Opsgenie, Grafana OnCall, Alertmanager. `key` says what is the same incident (rule, node and container, if left out); a later step, or another playbook, resolves it with the same key. Where nobody acknowledges it within `ack_within`, the next destination of `next` is told (page, chat or email).',
  params: z
    .strictObject({
      via: destinationName,
      action: z.enum(['trigger', 'acknowledge', 'resolve']).default('trigger'),
      summary: z.string().min(1).max(65_536).optional(),
      severity: z.enum(pageSeverities).optional(),
      key: z.string().trim().min(1, 'expected a text that is not empty').max(4_096).optional(),
      details: z.record(z.string().max(256), z.union([z.string(), z.number(), z.boolean()])).default({}),
      link: httpUrl.optional(),
      ack_within: duration(1_000, 24 * 3_600_000).optional(),
      next: z.array(destinationName).min(1).max(MOST_TARGETS).optional(),
    })
    .superRefine(({ action, ack_within, next }, context) => {
      const wrong = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
      if (next === undefined && ack_within !== undefined)
        wrong('next', 'is missing; who is told when nobody acknowledges it?');
      if (next !== undefined && ack_within === undefined)
        wrong('ack_within', 'is missing; when are the next ones told?');
      if (next !== undefined && action !== 'trigger') wrong('next', 'belongs to action: trigger');
    }),
  settings,
  // Whoever is woken up by it may go back to sleep.
  test: { severity: 'info', key: 'lanner-test' },
  async before({ via, action, key: own, ack_within, next, ...rest }, { alert, alertId, playbook, pages }) {
    // Short enough for every pager, so that it is the same everywhere.
    const key = fitKey(own ?? keyFor(alert), MOST_KEY);
    const params = {
      ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)),
      action,
      key,
    };
    if (action !== 'trigger') {
      await pages.settled(key, action, { playbook, via });
      return { params: { ...params, via } };
    }
    if (ack_within === undefined || next === undefined) return { params: { ...params, via } };
    const about = { key, targets: [via, ...next], ackWithinMs: ack_within, alert, alertId, playbook, params };
    const ask = await pages.start(about);
    const detail = ask === undefined ? 'not escalated: too many pages are open' : `then ${next.join(', ')}`;
    return { params: { ...params, via }, ask, detail };
  },
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
      link: link ?? context.asked?.url,
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
