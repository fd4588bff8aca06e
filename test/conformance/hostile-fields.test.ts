import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { commandSchema, type NodeCommand } from '#playbooks/command';
import { loadPlaybooks } from '#playbooks/language/load';
import { actionSteps } from '#playbooks/language/playbook';
import { alertSchema } from '#rules/alert';
import { printable } from '#rules/language/printable';
import { actionCatalogue } from '../../router/actions/all.ts';
import type { Action, ActionContext } from '../../router/runs/action.ts';
import { link, NONE } from '../../router/store/audit-chain.ts';
import { hostile } from '../support/hostile.ts';

type JsonSchema = {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly minItems?: number;
};

/** Parameters of the form that the schema asks for, with `leaf` wherever a text may stand. */
function paramsFor(schema: JsonSchema, leaf: string): unknown {
  const [choice] = schema.anyOf ?? schema.oneOf ?? [];
  if (choice !== undefined) return paramsFor(choice, leaf);
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum[0];
  if (schema.type === 'integer' || schema.type === 'number') return Math.max(1, schema.minimum ?? 1);
  if (schema.type === 'boolean') return schema.default ?? true;
  if (schema.type === 'array') return [paramsFor(schema.items ?? {}, leaf)];
  if (schema.properties !== undefined) {
    return Object.fromEntries(Object.entries(schema.properties).map(([name, each]) => [name, paramsFor(each, leaf)]));
  }
  if (schema.type === 'object') return { key: leaf };
  // Whatever YAML can say.
  return schema.type === 'string' ? leaf : { text: leaf, list: [leaf, { deep: leaf }] };
}

function replaced(value: unknown, leaf: string, by: string): unknown {
  if (value === leaf) return by;
  if (Array.isArray(value)) return value.map((each) => replaced(each, leaf, by));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, replaced(each, leaf, by)]));
}

function stepOf(action: Action, leaf: string) {
  const schema = z.toJSONSchema(action.params, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  const params = paramsFor(schema, leaf);
  const text = JSON.stringify({
    playbook: 'p',
    on: { rules: ['*'] },
    steps: [{ id: 'act', uses: action.name, with: params }],
  });
  const { playbooks, errors } = loadPlaybooks([{ path: 'p.yaml', text }], actionCatalogue);
  expect(errors).toEqual([]);
  const [step] = playbooks.flatMap(actionSteps);
  if (step === undefined) throw new Error('a playbook of one step has one');
  return { step, params };
}

const alertWith = (name: string) =>
  alertSchema.parse({
    time: '2026-01-01T00:00:00Z',
    rule: 'r',
    priority: 'Error',
    output: name,
    output_fields: { 'proc.name': name },
    lanner: { version: 1, id: '0190a0a0-0000-7000-8000-000000000000', node: 'one' },
  });

/** What is sent to a node, and nothing else leaves. */
function contextOf(alert: ActionContext['alert'], mode: ActionContext['mode'], sent: NodeCommand[]): ActionContext {
  const explained = { status: 'skipped', detail: 'would hand it over' } as const;
  return {
    alert,
    alertId: 'an-alert',
    playbook: 'p',
    mode,
    idempotencyKey: 'an-alert/p/act',
    deadlineMs: 5_000,
    signal: new AbortController().signal,
    mask: (text) => text,
    pages: { start: async () => undefined, settled: async () => undefined },
    async sendToNode(_, command) {
      sent.push(command);
      const { id } = command;
      return {
        version: 1,
        kind: 'receipt',
        command: id,
        outcome: 'done',
        detail: alert.output,
        retry: false,
        started_ms: 1,
        finished_ms: 2,
      };
    },
    hand: async () => explained,
    explainHand: () => explained,
  };
}

/** Control characters, bidi marks and their like (Unicode TR 36). */
const unsafe = /[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

describe('hostile fields', () => {
  it.for([...actionCatalogue.values()])('stay what they are, wherever $name takes a text', async (action) => {
    const leaves = ['%proc.name', 'a %proc.name 100%% {{%{proc.name}}} $(%{proc.name|none})'] as const;
    const steps = leaves.map((leaf) => ({ leaf, ...stepOf(action, leaf) }));
    await fc.assert(
      fc.asyncProperty(hostile, async (name) => {
        const alert = alertWith(name);
        for (const { leaf, step, params } of steps) {
          const filled = step.fill({ alert, alertId: 'an-alert', steps: new Map() }, () => {
            throw new Error('a field is no template: no secret is asked for');
          });
          const text = leaf === '%proc.name' ? name : `a ${name} 100% {{${name}}} $(${name})`;
          const expected = replaced(params, leaf, text);
          expect(filled).toEqual({ ok: true, value: expected, masked: expected, secrets: [] });
          expect(JSON.parse(JSON.stringify(expected))).toEqual(expected);

          // The key becomes a header: letters that cannot end it.
          expect(action.target(expected, expected)).toMatch(/^[\w.:@-]{1,128}$/);
          const sent: NodeCommand[] = [];
          const results = [await action.perform(expected, contextOf(alert, 'dry-run', sent))];
          if (action.side === 'node') results.push(await action.perform(expected, contextOf(alert, 'enforce', sent)));
          // What a node gets is read there by the same schema, and is exactly what stood in the field, or nothing is sent.
          for (const command of sent) {
            expect(commandSchema.parse(JSON.parse(JSON.stringify(command)))).toEqual(command);
          }
          for (const result of results) {
            const detail = result.status === 'failed' ? result.reason : result.detail;
            expect(printable(detail)).not.toMatch(unsafe);
            const { line } = link(NONE, { kind: 'action_ended', detail, params: filled.ok && filled.masked }, 1);
            expect(line).not.toMatch(/[\r\n]/);
            expect(JSON.parse(line)).toMatchObject({ detail });
          }
        }
      }),
      { numRuns: 30 },
    );
  });

  // Those that a destination may take hand it a message; its queue and its services have tests of their own.
  it.for(
    [...actionCatalogue.values()].filter(({ side, via, name }) => side === 'router' && (!via || name === 'webhook')),
  )('reach the real counterpart of $name in a property test of its own', ({ name }) => {
    const [first = ''] = name.split('.');
    // The cluster's node.
    const counterpart = first === 'node' ? 'k8s' : first;
    const path = new URL(`../system/actions-${counterpart}.test.ts`, import.meta.url);
    expect(existsSync(path), path.pathname).toBe(true);
    expect(readFileSync(path, 'utf8')).toContain('support/hostile.ts');
  });
});
