import type { AlertFieldValue } from '#rules/alert';
import { fieldSpecs } from '#rules/fields';
import { parseAddress } from '#rules/language/address';
import { toByteString } from '#rules/language/byte-string';
import { fieldText, makeCatalogue } from '#rules/language/catalogue';
import type { Bind, FieldCatalogue, FieldSpec, FieldUse, FieldValue } from '#rules/language/field';
import type { Scope, StepResult } from './playbook.ts';

/** Fields of the alert itself, beside those of its event. */
const alertFields: Readonly<
  Record<
    string,
    { readonly list: boolean; readonly doc: string; readonly read: (scope: Scope) => AlertFieldValue | undefined }
  >
> = {
  'alert.id': { list: false, doc: 'Id of the alert.', read: ({ alertId }) => alertId },
  'alert.rule': { list: false, doc: 'Name of the rule that matched.', read: ({ alert }) => alert.rule },
  'alert.priority': { list: false, doc: 'Priority of the rule.', read: ({ alert }) => alert.priority },
  'alert.source': { list: false, doc: 'Where the event came from.', read: ({ alert }) => alert.source },
  'alert.hostname': { list: false, doc: 'Name of the host.', read: ({ alert }) => alert.hostname || undefined },
  'alert.output': { list: false, doc: 'Text of the alert.', read: ({ alert }) => alert.output },
  'alert.time': { list: false, doc: 'Time of the event, ISO 8601.', read: ({ alert }) => alert.time },
  'alert.tags': { list: true, doc: 'Tags of the rule.', read: ({ alert }) => alert.tags },
  'alert.node': { list: false, doc: 'Node that raised the alert.', read: ({ alert }) => alert.lanner?.node },
};

/** What the agent says beside the fields of the output, so that a response need not rely on the text of a rule. */
function readPart({ alert }: Scope, name: string): AlertFieldValue | undefined {
  const part = alert.lanner;
  switch (name) {
    case 'container.full_id':
      return part?.container?.id;
    case 'container.id':
      return part === undefined ? undefined : (part.container?.id.slice(0, 12) ?? 'host');
    case 'proc.pid':
      return part?.process?.pid;
    case 'evt.type':
      return part?.event?.type;
    default:
      return undefined;
  }
}

function text(name: string, list: boolean, doc: string, type: FieldSpec['type'] = 'CHARBUF'): FieldSpec {
  return {
    name,
    class: 'alert',
    type,
    list,
    argument: undefined,
    doc,
    flags: [],
    deprecated: false,
    candidates: undefined,
  };
}

export type EarlierStep = { readonly id: string; readonly outputs: Readonly<Record<string, string>> | 'any' };

/**
 * What may be named after these steps. `alert`: before there is a run; `foreach`: inside a step that goes through a list.
 */
export function makeScopeCatalogue(
  earlier: readonly EarlierStep[],
  where: 'alert' | 'once' | 'foreach',
): FieldCatalogue {
  return makeCatalogue([
    ...eventFields,
    ...(where === 'alert' ? [] : triggerFields),
    ...(where === 'foreach' ? itemFields : []),
    ...earlier.flatMap(({ id, outputs }) => [
      text(`steps.${id}.outcome`, false, `How step ${id} went.`),
      text(`steps.${id}.status`, false, `The same as steps.${id}.outcome.`),
      text(`steps.${id}.detail`, false, `What step ${id} says about it.`),
      ...(outputs === 'any'
        ? [anyOutput(id)]
        : Object.entries(outputs).map(([name, doc]) => text(`steps.${id}.${name}`, false, doc))),
    ]),
  ]);
}

const anyOutput = (id: string): FieldSpec => ({
  ...text(`steps.${id}`, false, `What step ${id} gives back.`),
  argument: { kind: 'key', required: true },
  flags: ['dotted'],
});

const eventFields: readonly FieldSpec[] = [
  // Filter-only fields have no value in an alert to be compared with.
  ...fieldSpecs.map(
    (spec): FieldSpec => ({
      ...spec,
      candidates: undefined,
      flags: spec.flags.filter((flag) => flag !== 'filter-only'),
    }),
  ),
  ...Object.entries(alertFields).map(([name, { list, doc }]) => text(name, list, doc)),
];

const itemFields: readonly FieldSpec[] = [
  text('item.value', false, 'The item of foreach whose turn it is.'),
  text('item.index', false, 'Its place in the list, from 0.', 'UINT64'),
];

const triggerFields: readonly FieldSpec[] = [
  text('trigger.kind', false, 'Why the run was started: alert, count, sequence or summary.'),
  text('trigger.count', false, 'How many alerts took part; of a summary, how many were held back.', 'UINT64'),
];

export const bindScope: Bind<Scope> = (use: FieldUse) => {
  const name = fieldText(use);
  const own = alertFields[name];
  if (own !== undefined) return (scope) => toFieldValue(own.read(scope), use.spec);
  if (name === 'item.value') return ({ item }) => toFieldValue(item?.value, use.spec);
  if (name === 'item.index') return ({ item }) => item?.index;
  if (name === 'trigger.kind') return ({ trigger }) => toByteString(trigger?.kind ?? 'alert');
  if (name === 'trigger.count') return ({ trigger }) => trigger?.count ?? 1;
  const step = /^steps\.(\w+)\.(\w+)$/.exec(name);
  if (step !== null) {
    const [, id = '', what = ''] = step;
    return ({ steps }) => {
      const state = steps.get(id);
      return state === undefined ? undefined : toFieldValue(readResult(state, what), use.spec);
    };
  }
  // The full id says what is to be killed: the agent's word goes before a text that a rule printed.
  if (name === 'container.full_id')
    return (scope) => toFieldValue(readPart(scope, name) ?? scope.alert.output_fields[name], use.spec);
  return (scope) => toFieldValue(scope.alert.output_fields[name] ?? readPart(scope, name), use.spec);
};

function readResult(state: StepResult, what: string): AlertFieldValue | undefined {
  if (what === 'outcome' || what === 'status') return state.outcome;
  if (what === 'detail') return state.detail;
  const outputs = state.outputs ?? {};
  return Object.hasOwn(outputs, what) ? outputs[what] : undefined;
}

/** JSON's value as the language compares it. What does not fit the field's type is missing, not guessed. */
function toFieldValue(value: AlertFieldValue | undefined, spec: FieldSpec): FieldValue | undefined {
  if (value === undefined || value === null) return undefined;
  if (Array.isArray(value)) {
    return value.flatMap((item) => {
      const read = toFieldValue(item, spec);
      return read === undefined ? [] : [read];
    });
  }
  if (typeof value === 'string') {
    if (spec.type === 'IPADDR' || spec.type === 'IPNET') return parseAddress(value);
    return isText(spec) ? toByteString(value) : readNumber(value);
  }
  return isText(spec) ? toByteString(String(value)) : value;
}

function isText({ type }: FieldSpec): boolean {
  return type === 'CHARBUF' || type === 'FSPATH' || type === 'FSRELPATH' || type === 'BYTEBUF' || type === 'DYNAMIC';
}

/** Foreign senders write some numbers and booleans as text. */
function readNumber(value: string): FieldValue | undefined {
  if (value === 'true' || value === 'false') return value === 'true';
  return /^-?\d{1,15}$/.test(value) ? Number(value) : undefined;
}
