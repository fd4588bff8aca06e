import * as z from 'zod';
import { duration } from '#playbooks/language/duration';
import { httpAuth, httpUrl, tlsSettings } from '../../clients/http-settings.ts';
import { s3Place } from '../../clients/s3.ts';

const batch = { batch: z.int().min(1).max(1_000).default(200), wait: duration(1, 60_000).default(200) };
const http = { url: httpUrl, auth: httpAuth.optional(), tls: tlsSettings.optional() };
const documents = z.enum(['json', 'ecs', 'ocsf']);
const facilities = [
  'user',
  'daemon',
  'auth',
  'authpriv',
  'local0',
  'local1',
  'local2',
  'local3',
  'local4',
  'local5',
  'local6',
  'local7',
] as const;

const syslog = z.strictObject({
  service: z.literal('syslog'),
  host: z.string().min(1).max(253),
  port: z.int().min(1).max(65_535),
  transport: z.enum(['udp', 'tcp', 'tls']).default('tcp'),
  framing: z.enum(['octet-counted', 'lines']).default('octet-counted'),
  format: z.enum(['json', 'cef', 'leef']).default('json'),
  facility: z.enum(facilities).default('local0'),
  tls: tlsSettings.optional(),
});

const elasticsearch = z.strictObject({
  service: z.literal('elasticsearch'),
  ...http,
  /** Instead of `auth`. */
  api_key: z.string().min(1).optional(),
  /** A data stream, or an index. */
  index: z
    .string()
    .regex(/^[^A-Z\s\\/*?"<>|,#:_+\-.][^A-Z\s\\/*?"<>|,#:]{0,254}$/, 'expected the name of an index')
    .default('logs-lanner.alerts-default'),
  ...batch,
});

const loki = z.strictObject({
  service: z.literal('loki'),
  ...http,
  tenant: z.string().min(1).max(150).optional(),
  labels: z
    .record(z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, 'expected the name of a label'), z.string())
    .default({}),
  ...batch,
});

const otlp = z.strictObject({ service: z.literal('otlp'), ...http, ...batch });

const nats = z.strictObject({
  service: z.literal('nats'),
  url: z.url({ protocol: /^(nats|tls)$/, error: 'expected a URL with nats or tls' }),
  token: z.string().min(1).optional(),
  tls: tlsSettings.optional(),
  subject: z
    .string()
    .regex(/^[^\s.*>]+(\.[^\s.*>]+)*$/, 'expected a subject without wildcards')
    .max(255),
  /** `false`: the server takes it, whether somebody listens or not. */
  jetstream: z.boolean().default(true),
  format: documents.default('json'),
});

const s3 = z.strictObject({
  service: z.literal('s3'),
  ...s3Place,
  format: documents.default('ocsf'),
  batch: z.int().min(1).max(1_000).default(500),
  wait: duration(1, 60_000).default(5_000),
});

export const siemSettings = z.discriminatedUnion('service', [syslog, elasticsearch, loki, otlp, nats, s3]);

export type SiemSettings = z.output<typeof siemSettings>;
export type SyslogSettings = z.output<typeof syslog>;
export type ElasticsearchSettings = z.output<typeof elasticsearch>;
export type LokiSettings = z.output<typeof loki>;
export type OtlpSettings = z.output<typeof otlp>;
export type NatsSettings = z.output<typeof nats>;
export type S3Settings = z.output<typeof s3>;
export type DocumentFormat = z.output<typeof documents>;
