import { describe, expect, it } from 'vitest';
import {
  isCompatible,
  type MapValue,
  type Report,
  readBoolean,
  readPriority,
  readText,
  readTexts,
  readUnsigned,
} from './item-value.ts';
import { readYaml } from './yaml-reader.ts';

/** Reads the one key `k` (or `priority`) of a map, and gives what it read or what was told. */
function read<T>(yaml: string, reader: (map: MapValue, report: Report) => T | undefined): T | string | undefined {
  const [document] = readYaml({ path: 'r.yaml', text: yaml }).documents;
  const [map] = document?.kind === 'list' ? document.items : [];
  if (map?.kind !== 'map') throw new Error(`${yaml} is no list of a map`);
  const told: string[] = [];
  const value = reader(map, (_code, message) => void told.push(message));
  return told.length > 0 ? told.join('\n') : value;
}

describe('readText', () => {
  it.for([
    { yaml: '- k: a b\n', gives: 'a b' },
    { yaml: '- k: 5\n', gives: '5' },
    { yaml: '- k: yes\n', gives: 'yes' },
    { yaml: '- k: "~"\n', gives: '~' },
    { yaml: '- j: a\n', gives: 'k is missing' },
    { yaml: '- k:\n', gives: 'k is empty' },
    { yaml: '- k: ~\n', gives: 'k is empty' },
    { yaml: '- k: ""\n', gives: 'k is empty' },
    { yaml: '- k: [a]\n', gives: 'k must be a text, found a list' },
    { yaml: '- k: {a: b}\n', gives: 'k must be a text, found a map' },
  ])('of $yaml is $gives', ({ yaml, gives }) => {
    expect(read(yaml, (map, report) => readText(map, 'k', report)?.text)).toBe(gives);
  });
});

describe('readBoolean', () => {
  it.for(['true', 'True', 'TRUE', 'yes', 'Yes', 'ON', 'y', 'Y', '"true"', "'on'"])('takes %s as true', (word) => {
    expect(read(`- k: ${word}\n`, (map, report) => readBoolean(map, 'k', report))).toBe(true);
  });
  it.for(['false', 'No', 'OFF', 'n', 'N'])('takes %s as false', (word) => {
    expect(read(`- k: ${word}\n`, (map, report) => readBoolean(map, 'k', report))).toBe(false);
  });
  it.for(['1', '0', 'tRUE', 'yEs', 'maybe', '', '[]', 't', '"true "'])('refuses %s', (word) => {
    const message = 'k must be true or false';
    expect(read(`- k: ${word}\n`, (map, report) => readBoolean(map, 'k', report))).toBe(message);
  });
  it('leaves an absent key alone', () => {
    expect(read('- j: a\n', (map, report) => readBoolean(map, 'k', report))).toBeUndefined();
  });
});

describe('readTexts', () => {
  it.for([
    { yaml: '- k: []\n', gives: '' },
    { yaml: '- k: [a, 1, "", true]\n', gives: 'a|1||true' },
    { yaml: '- k: a\n', gives: 'k must be a list' },
    { yaml: '- k: [a, ~]\n', gives: 'k must be a list of texts, found an empty item' },
    { yaml: '- k: [[a]]\n', gives: 'k must be a list of texts, found a list' },
    { yaml: '- j: a\n', gives: 'k is missing' },
  ])('of $yaml is $gives', ({ yaml, gives }) => {
    const texts = (map: MapValue, report: Report) =>
      readTexts(map, 'k', report)
        ?.map(({ text }) => text)
        .join('|');
    expect(read(yaml, texts)).toBe(gives);
  });
});

describe('readPriority', () => {
  it.for([
    { word: 'emergency', gives: 'Emergency' },
    { word: 'INFO', gives: 'Informational' },
    { word: 'Informational', gives: 'Informational' },
    { word: '" INFO"', gives: 'unknown priority " INFO"; did you mean INFO?' },
    { word: 'WARN', gives: 'unknown priority "WARN"; did you mean WARNING?' },
    { word: 'infos', gives: 'unknown priority "infos"; did you mean INFO?' },
    { word: '4', gives: /^unknown priority "4"; one of Emergency, / },
  ])('of $word is $gives', ({ word, gives }) => {
    const value = read(`- priority: ${word}\n`, readPriority);
    if (typeof gives === 'string') expect(value).toBe(gives);
    else expect(value).toMatch(gives);
  });
});

describe('readUnsigned', () => {
  it.for([
    { text: '0', value: 0 },
    { text: '62', value: 62 },
    { text: '+5', value: 5 },
    { text: '7 ', value: 7 },
    { text: ' 7', value: undefined },
    { text: '0x1F', value: 31 },
    { text: '017', value: 15 },
    { text: '4294967295', value: 4_294_967_295 },
    { text: '4294967296', value: undefined },
    { text: '-1', value: undefined },
    { text: '08', value: undefined },
    { text: '1.0', value: undefined },
    { text: '1e3', value: undefined },
    { text: '0x', value: undefined },
    { text: '', value: undefined },
  ])('of "$text" is $value', ({ text, value }) => {
    expect(readUnsigned(text)).toBe(value);
  });
});

describe('isCompatible', () => {
  it.for([
    { wanted: [0, 62, 0], fits: true },
    { wanted: [0, 0, 0], fits: true },
    { wanted: [0, 61, 9], fits: true },
    { wanted: [0, 62, 1], fits: false },
    { wanted: [0, 63, 0], fits: false },
    { wanted: [1, 0, 0], fits: false },
  ])('with $wanted is $fits', ({ wanted, fits }) => {
    expect(isCompatible(wanted)).toBe(fits);
  });
});
