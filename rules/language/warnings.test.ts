import { describe, expect, it } from 'vitest';
import { makeCatalogue, readFieldTable } from './catalogue.ts';
import { loadRules } from './load.ts';

/** With fields of the two classes that know `<NA>` as a text. */
const catalogue = makeCatalogue(
  readFieldTable({
    'evt.type': { type: 'CHARBUF', doc: '' },
    'evt.dir': { type: 'CHARBUF', doc: '' },
    'evt.latency': { type: 'RELTIME', doc: '' },
    'evt.latency.ns': { type: 'RELTIME', doc: '' },
    'f.text': { type: 'CHARBUF', doc: '' },
    'f.path': { type: 'FSPATH', doc: '' },
    'f.args': { type: 'CHARBUF', argument: 'required:index', doc: '' },
    'ka.verb': { type: 'CHARBUF', doc: '' },
    'jevt.value': { type: 'CHARBUF', argument: 'required:key', doc: '' },
  }),
);

function warn(condition: string, output = 'o'): readonly string[] {
  const text = `- rule: r\n  desc: d\n  condition: ${JSON.stringify(condition)}\n  output: ${JSON.stringify(output)}\n  priority: INFO\n`;
  const { errors, warnings } = loadRules([{ path: 'r.yaml', text }], { fields: catalogue });
  return [...errors, ...warnings].map(({ code, message }) => `${code}: ${message}`);
}

const asText = (field: string): string =>
  `LOAD_COMPILE_CONDITION: ${field} is compared as a text; to compare with the field write val(${field})`;
const asCall = (text: string): string =>
  `LOAD_COMPILE_CONDITION: "${text}" is compared as a text; without the quotes it is a transformer`;
const needless =
  'LOAD_COMPILE_CONDITION: this regex has nothing special; startswith, endswith, contains or = is faster';
const unsafe = 'LOAD_UNSAFE_NA_CHECK: a missing value does not equal <NA>; use exists';
const latency = (field: string): string =>
  `LOAD_DEPRECATED_ITEM: ${field} is deprecated: it is always 0, for there are no enter events`;
const dir = 'LOAD_DEPRECATED_ITEM: evt.dir is deprecated: only exit events exist, so it is always <';

describe('a condition', () => {
  it.for([
    { condition: 'f.text = f.path', warns: [asText('f.path')] },
    { condition: 'f.text in (a, f.path, " f.text ")', warns: [asText('f.path'), asText('f.text')] },
    { condition: 'f.text contains f.args[1]', warns: [asText('f.args[1]')] },
    { condition: 'f.text = f.nosuch', warns: [] },
    { condition: 'f.text = f.args', warns: [] },
    { condition: 'f.text = val(f.text)', warns: [] },
    { condition: 'f.text = "tolower(x)"', warns: [asCall('tolower(x)')] },
    { condition: 'f.text = "lower(x)"', warns: [] },
    { condition: 'f.text regex "abc"', warns: [needless] },
    { condition: 'f.text regex anyof ("abc", "a.*c")', warns: [needless] },
    { condition: 'f.text glob abc', warns: [] },
    { condition: 'ka.verb = <NA>', warns: [unsafe] },
    { condition: 'ka.verb != <NA> and jevt.value[/a] in (x, <NA>)', warns: [unsafe] },
    { condition: 'ka.verb in (<NA>, <NA>)', warns: [unsafe] },
    { condition: 'tolower(ka.verb) = <NA>', warns: [unsafe] },
    { condition: 'ka.verb startswith <NA>', warns: [] },
    { condition: 'f.text = <NA>', warns: [] },
    { condition: 'evt.dir = < and evt.latency > 1 and not evt.dir = >', warns: [dir, latency('evt.latency')] },
    { condition: 'f.text = val(evt.dir) or toupper(evt.dir) = x', warns: [dir] },
    { condition: 'evt.dir = val(evt.dir)', warns: [dir] },
    { condition: 'concat(evt.dir, "a") = x', warns: [dir] },
  ])('$condition', ({ condition, warns }) => {
    expect(warn(condition)).toEqual(warns);
  });
});

describe('an output', () => {
  it.for([
    { output: '%evt.dir %f.text', warns: [dir] },
    { output: '%evt.latency.ns', warns: [latency('evt.latency'), latency('evt.latency.ns')] },
    { output: 'the evt.dir of %f.text', warns: [dir] },
    {
      output: 'a %container.info b',
      warns: ['LOAD_DEPRECATED_ITEM: %container.info is deprecated and left out'],
    },
  ])('$output', ({ output, warns }) => {
    expect(warn('f.text = a', output)).toEqual(warns);
  });
});
