import { describe, expect, it } from 'vitest';
import { parametersOf } from '../../agent/fields/arguments.ts';
import { listed, made } from '../kernel/calls-table.ts';
import { rows } from '../kernel/fields-descriptors.ts';
import { hasData, mustRun, readTable, whyMissing } from './data.ts';

const split = (cell: string | undefined): readonly string[] => (cell ?? '').split(',').filter((part) => part !== '');
const withoutArgument = (field: string): string => field.replace(/\[.*/, '');
const PARAMETER = 'evt.arg.';
/** Whose value fields.test.ts asserts on a real event, or the test that it names. */
const shown = new Set(Object.entries(rows).flatMap(([name, row]) => ('missing' in row ? [] : [withoutArgument(name)])));

describe.skipIf(!hasData && !mustRun)(
  `what the published rules ask for (${hasData ? 'all of it' : whyMissing})`,
  () => {
    const asked = (hasData ? readTable('rule_fields_used') : []).map((row) => ({
      fields: [...split(row['condition_fields']), ...split(row['output_fields'])],
      types: split(row['evt_types']),
    }));

    it('are calls that tests show on a real event', () => {
      expect(asked.length).toBeGreaterThan(90);
      expect(asked.flatMap(({ types }) => types).filter((type) => !listed.includes(type))).toEqual([]);
    });

    it('are fields whose value tests assert on one', () => {
      const fields = asked.flatMap((rule) => rule.fields).filter((field) => !field.startsWith(PARAMETER));
      expect(fields.filter((field) => !shown.has(withoutArgument(field)))).toEqual([]);
    });

    it('are parameters whose value tests assert for each of these calls that has them', () => {
      const pairs = asked.flatMap(({ fields, types }) =>
        fields
          .filter((field) => field.startsWith(PARAMETER))
          .flatMap((field) => types.map((type) => ({ type, name: field.slice(PARAMETER.length) })))
          .filter(({ type, name }) => parametersOf(type).some((parameter) => parameter.name === name)),
      );
      // An exec's are with the fields: one table is for both calls.
      const isShown = ({ type, name }: (typeof pairs)[number]) =>
        type.startsWith('execve') ? shown.has(PARAMETER + name) : made[type]?.[name] !== undefined;
      expect(pairs.length).toBeGreaterThan(30);
      expect(pairs.filter((pair) => !isShown(pair))).toEqual([]);
    });
  },
);
