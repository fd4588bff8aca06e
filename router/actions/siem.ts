import * as z from 'zod';
import { defineOutward, destinationName } from '../runs/outward.ts';
import { siemSettings } from './siem/settings.ts';

export const siem = defineOutward({
  name: 'siem',
  doc: 'Hands the alert to a SIEM or a log store in its own format: syslog (JSON, CEF, LEEF), Elasticsearch and OpenSearch (ECS), Loki, OTLP, NATS, S3 (JSON, ECS, OCSF).',
  params: z.strictObject({ via: destinationName }),
  settings: siemSettings,
  test: {},
  concurrency: 500,
  async send(_, settings, context) {
    // Most routers have no SIEM.
    const { handOn } = await import('./siem/hand-on.ts');
    return handOn(settings, context);
  },
});
