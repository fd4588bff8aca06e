import { expect, it } from 'vitest';
import { readJson } from './read-json.ts';

it('keeps the digits of what JavaScript would round, and nothing else changes', () => {
  expect(readJson('{"evt.time":1795439100123456789,"n":[1,-2.5,null,"1795439100123456789"]}')).toEqual({
    'evt.time': '1795439100123456789',
    n: [1, -2.5, null, '1795439100123456789'],
  });
});
