import { createRequire } from 'node:module';
import { EcsFlat } from '@elastic/ecs';
import { CloudEvent, HTTP } from 'cloudevents';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { ecsOf } from '../router/actions/siem/ecs.ts';
import { eventOf } from '../router/actions/siem/event.ts';
import { syslogOf } from '../router/actions/siem/syslog-line.ts';
import { hostile } from './support/hostile.ts';
import { send, shellAlert } from './support/sending.ts';
import { type StrictServer, startStrictServer } from './support/strict-server.ts';

/** What we write, read by what others have written. Npm has nothing that knows OCSF. */
const event = eventOf(shellAlert, 'a-key', 'a-playbook');

const texts = z.record(z.string(), z.string());
const lineSchema = z.looseObject({
  type: z.string(),
  prival: z.number(),
  version: z.number(),
  ts: z.date(),
  host: z.string(),
  appName: z.string(),
  messageid: z.string(),
  message: z.string(),
  cef: texts.optional(),
  leef: texts.optional(),
  fields: z.union([z.record(z.string(), z.unknown()), z.array(z.unknown())]),
});
/** It brings no types along. */
const parse = createRequire(import.meta.url)('nsyslog-parser');
const parseLine = (line: string) => lineSchema.parse(parse(line));

const settings = {
  service: 'syslog',
  host: '',
  port: 1,
  transport: 'tcp',
  framing: 'lines',
  facility: 'local0',
} as const;
const lineOf = (format: 'json' | 'cef' | 'leef', one = event) => syslogOf({ ...settings, format }, one, '{"a":1}');
const eventWith = (rule: string, fields: object) =>
  eventOf({ ...shellAlert, rule, output_fields: { ...fields } }, 'a-key', 'a-playbook');

describe('nsyslog-parser', () => {
  it('reads the parts of RFC 5424', () => {
    expect(parseLine(lineOf('json'))).toMatchObject({
      type: 'RFC5424',
      prival: 130,
      version: 1,
      ts: new Date('2026-11-23T14:00:00.123Z'),
      host: 'worker-1',
      appName: 'lanner',
      messageid: 'syscall',
      message: '{"a":1}',
    });
  });

  it('reads CEF, header and extension', () => {
    // It takes an escaped = for one: no field here has any.
    const { type, cef, fields } = parseLine(
      lineOf('cef', eventWith('A shell', { 'proc.name': 'bash', 'fd.name': 'a b' })),
    );
    expect({ type, cef, fields }).toMatchObject({
      type: 'CEF',
      cef: {
        version: 'CEF:0',
        deviceVendor: 'Lanner',
        deviceProduct: 'Lanner',
        deviceVersion: '0.1.0',
        deviceEventClassID: 'A shell',
        name: 'A shell',
        severity: '8',
      },
      fields: { sproc: 'bash', filePath: 'a b', cat: 'syscall', dvchost: 'worker-1', rt: '1795442400123' },
    });
  });

  it('reads LEEF', () => {
    expect(parseLine(lineOf('leef'))).toMatchObject({
      type: 'LEEF',
      leef: {
        leefVersion: 'LEEF:2.0',
        vendor: 'Lanner',
        product: 'Lanner',
        eventID: 'Terminal shell in container',
        delimiter: 'x09',
      },
    });
  });

  it.for(['cef', 'leef', 'json'] as const)(
    'finds one %s message with the same head, whatever the alert holds',
    (format) => {
      fc.assert(
        fc.property(hostile, hostile, (rule, text) => {
          const line = lineOf(format, eventWith(rule || 'x', { 'proc.name': text, 'fd.name': text }));
          expect(line).not.toMatch(/[\r\n]/);
          expect(parseLine(line)).toMatchObject({
            type: format === 'json' ? 'RFC5424' : format.toUpperCase(),
            prival: 130,
            host: 'worker-1',
            appName: 'lanner',
          });
        }),
        { numRuns: 200 },
      );
    },
  );
});

type EcsField = {
  readonly type: string;
  readonly normalize: readonly string[];
  readonly allowed_values?: readonly { readonly name: string }[];
};
const ecs: ReadonlyMap<string, EcsField> = new Map(Object.entries(EcsFlat));

/** Every value by its path; lists are values. */
function leaves(value: unknown, path = ''): readonly (readonly [string, unknown])[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[path, value]];
  return Object.entries(value).flatMap(([key, part]) => leaves(part, path === '' ? key : `${path}.${key}`));
}

const fits: Readonly<Record<string, (value: unknown) => boolean>> = {
  long: Number.isInteger,
  date: (value) => typeof value === 'string' && !Number.isNaN(Date.parse(value)),
};

describe("Elastic's own list of the fields of ECS", () => {
  it('has all that we write, with those types, and our own below our own name', () => {
    const wrong = leaves(ecsOf(event)).flatMap(([path, value]) => {
      if (path.startsWith('lanner.')) return [];
      const field = ecs.get(path);
      if (field === undefined) return [`${path} is no field of ECS`];
      const isList = field.normalize.includes('array');
      if (isList !== Array.isArray(value)) return [`${path} is ${isList ? 'a list' : 'no list'}`];
      const values: readonly unknown[] = Array.isArray(value) ? value : [value];
      const allowed = field.allowed_values?.map(({ name }) => name);
      return values.flatMap((one) => {
        if (allowed !== undefined && !allowed.includes(String(one))) return [`${path} may not be ${one}`];
        const test = fits[field.type] ?? ((text: unknown) => typeof text === 'string');
        return test(one) ? [] : [`${path} is of type ${field.type}, not ${typeof one}`];
      });
    });
    expect(wrong).toEqual([]);
    expect(leaves(ecsOf(event)).length).toBeGreaterThan(30);
  });
});

describe('the SDK of CloudEvents', () => {
  let server: StrictServer;
  beforeAll(async () => {
    server = await startStrictServer(() => ({ status: 202 }));
  });
  afterAll(() => server.close());

  it.for(['structured', 'binary'])('takes what a function gets, %s', async (mode) => {
    await fc.assert(
      fc.asyncProperty(hostile, async (text) => {
        const alert = { ...shellAlert, rule: text.slice(0, 300) || 'x', output: text };
        const sent = await send('function', { url: server.origin, mode }, { subject: 'a' }, { alert });
        expect(sent).toMatchObject({ status: 'done' });
        const { headers, body } = server.seen.at(-1) ?? { headers: {}, body: '' };
        const read = HTTP.toEvent({ headers, body });
        expect(read).toBeInstanceOf(CloudEvent);
        if (!(read instanceof CloudEvent)) return;
        expect(read.validate()).toBe(true);
        expect(read).toMatchObject({
          specversion: '1.0',
          type: 'lanner.alert.v1',
          subject: 'a',
          time: '2026-11-23T14:00:00.123Z',
          data: { rule: alert.rule, output: text },
        });
      }),
      { numRuns: 30 },
    );
  });
});
