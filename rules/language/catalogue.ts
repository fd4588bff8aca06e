import type {
  ArgumentKind,
  Candidates,
  FieldCatalogue,
  FieldFlag,
  FieldLookup,
  FieldSpec,
  FieldType,
} from './field.ts';
import { nearest } from './nearest.ts';

/** What a table says about one field; the rest has defaults. */
export type FieldEntry = {
  readonly type: FieldType;
  readonly doc: string;
  readonly list?: boolean;
  readonly argument?: `${'required' | 'optional'}:${ArgumentKind}`;
  readonly flags?: readonly FieldFlag[];
  readonly deprecated?: boolean;
  readonly candidates?: Candidates;
};

export type FieldTable = Readonly<Record<string, FieldEntry>>;

export function readFieldTable(table: FieldTable): readonly FieldSpec[] {
  return Object.entries(table).map(([name, entry]) => ({
    name,
    class: name.slice(0, name.indexOf('.')),
    type: entry.type,
    list: entry.list ?? false,
    argument: readArgument(entry.argument),
    doc: entry.doc,
    flags: entry.flags ?? [],
    deprecated: entry.deprecated ?? false,
    candidates: entry.candidates,
  }));
}

function readArgument(text: FieldEntry['argument']): FieldSpec['argument'] {
  if (text === undefined) return undefined;
  const required = text.startsWith('required:');
  const kind = (['index', 'key', 'index+key'] as const).find((known) => text.endsWith(`:${known}`));
  return kind && { kind, required };
}

export type CatalogueOptions = {
  readonly eventTypes?: ReadonlyMap<string, number>;
  /** Names that no longer exist, and the last release that knew them. */
  readonly removed?: ReadonlyMap<string, string>;
  /** Types of event arguments by name, for fields of type DYNAMIC. */
  readonly dynamicTypes?: ReadonlyMap<string, FieldType>;
};

export function makeCatalogue(specs: readonly FieldSpec[], options: CatalogueOptions = {}): FieldCatalogue {
  const byName = new Map(specs.map((spec) => [spec.name, spec]));
  const dotted = specs.filter((spec) => spec.flags.includes('dotted'));
  const explain = (name: string): string => {
    const release = options.removed?.get(name);
    const near = nearest(name, byName.keys());
    const hint =
      release === undefined ? near && `; did you mean ${near}?` : `; ${release} was the last release with it`;
    return `unknown field ${name}${hint ?? ''}`;
  };
  // Looking for the nearest name costs more than all the rest, and most failed lookups are only trials.
  const unknown = (name: string): FieldLookup => ({ ok: false, reason: 'unknown', explain: () => explain(name) });
  return {
    specs,
    eventTypes: options.eventTypes,
    lookup: (name, written) => {
      // `[""]` is no argument.
      const argument = written === '' ? undefined : written;
      const spec = byName.get(name);
      if (spec !== undefined) return withArgument(spec, argument, options);
      const base = dotted.find((candidate) => name.startsWith(`${candidate.name}.`));
      if (base === undefined || argument !== undefined) return unknown(name);
      return withDottedArgument(base, name.slice(base.name.length + 1), options);
    },
  };
}

function withArgument(spec: FieldSpec, argument: string | undefined, options: CatalogueOptions): FieldLookup {
  const { name } = spec;
  // The original knows no field by a name with an argument too many, but chokes on one that is missing or odd.
  const isOdd = argument === undefined || spec.flags.includes('dotted');
  const reason = isOdd ? 'argument' : 'unknown';
  const refuse = (message: string): FieldLookup => ({ ok: false, reason, explain: () => message });
  if (argument === undefined) {
    return spec.argument?.required === true
      ? refuse(`${name} needs an argument: ${example(spec)}`)
      : { ok: true, use: { spec: typed(spec, '', options) } };
  }
  const kind = spec.argument?.kind;
  if (kind === undefined) return refuse(`${name} takes no argument, found [${argument}]`);
  // Nanoseconds since the epoch are more than a number holds: they stay text.
  if (name === 'evt.around' && /^\d{10,20}$/.test(argument)) return { ok: true, use: { spec, argument } };
  const index = /^\d{1,9}$/.test(argument) ? Number(argument) : undefined;
  const onlyIndex = kind === 'index' || (kind === 'index+key' && spec.flags.includes('dotted'));
  if (onlyIndex && index === undefined)
    return refuse(`${name} takes a number in brackets, found [${argument}]; ${example(spec)}`);
  if (kind === 'key' && spec.flags.includes('dotted'))
    return refuse(`${name} takes its argument after a dot: ${example(spec)}`);
  return { ok: true, use: { spec, argument: kind === 'key' ? argument : (index ?? argument) } };
}

function withDottedArgument(spec: FieldSpec, argument: string, options: CatalogueOptions): FieldLookup {
  if (spec.name === 'evt.type.is' && options.eventTypes?.has(argument) === false) {
    return { ok: false, reason: 'unknown', explain: () => `unknown event type ${argument} in evt.type.is.${argument}` };
  }
  if (spec.name === 'evt.abspath' && argument !== 'src' && argument !== 'dst') {
    return {
      ok: false,
      reason: 'unknown',
      explain: () => `unknown field evt.abspath.${argument}; there are evt.abspath.src and evt.abspath.dst`,
    };
  }
  return { ok: true, use: { spec: typed(spec, argument, options), argument } };
}

function typed(spec: FieldSpec, argument: string, options: CatalogueOptions): FieldSpec {
  if (spec.type !== 'DYNAMIC') return spec;
  return { ...spec, type: options.dynamicTypes?.get(argument) ?? 'CHARBUF' };
}

function example(spec: FieldSpec): string {
  if (spec.flags.includes('dotted'))
    return spec.argument?.kind === 'key' ? `${spec.name}.NAME` : `${spec.name}.NAME or ${spec.name}[0]`;
  return spec.argument?.kind === 'index' ? `${spec.name}[1]` : `${spec.name}[NAME]`;
}

/** A field as it is written: `proc.aname[2]`, `evt.arg.flags`. */
export function fieldText(use: { readonly spec: FieldSpec; readonly argument?: string | number }): string {
  const { spec, argument } = use;
  if (argument === undefined) return spec.name;
  const afterDot = spec.flags.includes('dotted') && typeof argument === 'string';
  return afterDot ? `${spec.name}.${argument}` : `${spec.name}[${argument}]`;
}
