import * as z from 'zod';
import { alertJson } from '#rules/alert-json';
import { authHeaders, headerBytes, httpAuth, httpHeaders, httpUrl, tlsSettings } from '../clients/http-settings.ts';
import { signAws } from '../clients/sigv4.ts';
import { visibleLine } from '../clients/visible.ts';
import { defineOutward, destinationName, type SendContext } from '../runs/outward.ts';
import { post } from './post.ts';

/** CloudEvents 1.0 over HTTP: Knative, OpenFaaS, a Lambda function URL, or whatever else takes them. */
export const functionAction = defineOutward({
  name: 'function',
  doc: 'Calls a function with the alert, or what `data` says, as a CloudEvent: Knative, OpenFaaS, a Lambda function URL (signed if `aws` is set). The id of the event stays the same when it is sent again.',
  params: z.strictObject({
    via: destinationName,
    type: z
      .string()
      .regex(/^[\x21-\x7e]{1,256}$/, 'expected letters, digits and marks, no spaces')
      .default('lanner.alert.v1'),
    subject: z.string().min(1).max(1_024).optional(),
    data: z.unknown().optional(),
  }),
  settings: z
    .strictObject({
      url: httpUrl,
      mode: z.enum(['structured', 'binary']).default('structured'),
      headers: httpHeaders.default({}),
      auth: httpAuth.optional(),
      tls: tlsSettings.optional(),
      aws: z
        .strictObject({
          region: z.string().regex(/^[a-z0-9-]{1,32}$/, 'expected a region such as eu-central-1'),
          access_key_id: z.string().min(1),
          secret_access_key: z.string().min(1),
          session_token: z.string().optional(),
        })
        .optional(),
    })
    .refine(({ auth, aws }) => auth === undefined || aws === undefined, 'expected either auth or aws'),
  test: { type: 'lanner.test.v1' },
  concurrency: 8,
  send({ type, subject, data }, settings, context) {
    const attributes = attributesOf(type, subject, context);
    const value = data ?? context.alert;
    const isBinary = settings.mode === 'binary';
    const body = alertJson(isBinary ? value : { ...attributes, datacontenttype: 'application/json', data: value });
    const url = new URL(settings.url);
    const headers = {
      'content-type': isBinary ? 'application/json' : 'application/cloudevents+json',
      ...(isBinary ? binaryHeaders(attributes) : {}),
      ...headerBytes(settings.headers),
      ...authHeaders(settings.auth, body),
    };
    const { aws } = settings;
    const signed =
      aws === undefined
        ? headers
        : signAws({ method: 'POST', url, headers, body, service: 'lambda', region: aws.region }, aws, Date.now());
    return post({ url, headers: signed, body, tls: settings.tls }, context);
  },
});

function attributesOf(type: string, subject: string | undefined, context: SendContext): Record<string, string> {
  const { alert, playbook, idempotencyKey } = context;
  return {
    specversion: '1.0',
    id: idempotencyKey,
    source: `/lanner/playbooks/${encodeURIComponent(playbook)}`,
    type,
    ...(subject === undefined ? {} : { subject: visibleLine(subject) }),
    time: alert.time.replace(/([+-]\d{2})(\d{2})$/, '$1:$2'),
    priority: alert.priority.toLowerCase(),
    rule: visibleLine(alert.rule),
  };
}

/** Percent-encoded but for what may stand in a header: RFC 9110, and section 3.1.3.2 of the HTTP binding. */
function binaryHeaders(attributes: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [
      `ce-${name}`,
      value.toWellFormed().replace(/[^\x21\x23\x24\x26-\x7e]/gu, encodeURIComponent),
    ]),
  );
}
