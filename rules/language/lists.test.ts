import { describe, expect, it } from 'vitest';
import type { ListDefinition } from './collect.ts';
import { compileLists, mostText, substituteLists } from './lists.ts';
import { sourceOf } from './source.ts';

/** Lists in the order of their definition. */
function define(lists: Readonly<Record<string, readonly string[]>>): ReadonlyMap<string, ListDefinition> {
  return new Map(
    Object.entries(lists).map(([name, items], index) => {
      const at = { source: sourceOf('r.yaml', name), span: { start: 0, end: 1 } };
      const sources = items.map((item) => sourceOf('r.yaml', item));
      return [name, { name, items: sources, index, visibility: index, at }];
    }),
  );
}

function substitute(condition: string, lists: Readonly<Record<string, readonly string[]>>) {
  const used = new Set<string>();
  const compiled = compileLists(define(lists), used, new Map());
  const result = substituteLists(sourceOf('r.yaml', condition), compiled, used);
  return { text: result?.text.text, used: [...used] };
}

describe('substituteLists', () => {
  it.for([
    { what: 'puts the items between single blanks', condition: 'a in (  l  )', gives: 'a in ( x, y )' },
    { what: 'puts nothing before the first word', condition: 'l = a', gives: 'x, y = a' },
    { what: 'knows names between commas and =', condition: 'a=l,l', gives: 'a= x, y , x, y ' },
    {
      what: 'leaves longer words alone',
      condition: 'a in (ll, l.b, l-c, "l", _l)',
      gives: 'a in (ll, l.b, l-c, "l", _l)',
    },
    { what: 'also works inside quotes', condition: 'a = "the l here"', gives: 'a = "the x, y here"' },
    {
      what: 'takes an empty list out with the comma on its left',
      condition: 'a in (b, none, c)',
      gives: 'a in (b  , c)',
    },
    { what: 'or the one on its right', condition: 'a in (none, c)', gives: 'a in (   c)' },
    {
      what: 'quotes items with blanks, but not twice',
      condition: 'a in (blanks)',
      gives: `a in ( "p q", 'r s', "t u" )`,
    },
    { what: 'knows names with blanks in them', condition: 'a in (odd name)', gives: 'a in ( z )' },
    { what: 'puts lists in that stand in a list defined before', condition: 'a in (early)', gives: 'a in ( x, y )' },
  ])('$what', ({ condition, gives }) => {
    const lists = {
      early: ['l'],
      l: ['x', 'y'],
      none: [],
      blanks: ['p q', "'r s'", '"t u"'],
      'odd name': ['z'],
    };
    expect(substitute(condition, lists).text).toBe(gives);
  });

  it('does not look at what it put in', () => {
    expect(substitute('a in (l)', { l: ['l', 'l'] }).text).toBe('a in ( l, l )');
  });

  it('says which lists were used', () => {
    expect(substitute('a in (b)', { a2: ['x'], b: ['a2'], c: ['x'] }).used).toEqual(['a2', 'b']);
  });

  it('refuses text that grows without measure', () => {
    const big = Array.from({ length: 1_000 }, () => 'x'.repeat(200));
    expect(substitute('a in (l)', { l: big }).text?.length).toBeLessThan(mostText);
    expect(substitute(`a in (${'l,'.repeat(100)}l)`, { l: big }).text).toBeUndefined();
  });
});

describe('compileLists', () => {
  it('puts in lists that are known before, one level deep', () => {
    const used = new Set<string>();
    const compiled = compileLists(define({ a: ['x', 'c'], b: ['a', 'b', 'y'], c: ['b', 'a'] }), used, new Map());
    expect(compiled.all.map(({ items }) => items.map(({ text }) => text))).toEqual([
      ['x', 'c'],
      ['x', 'c', 'b', 'y'],
      ['a', 'b', 'y', 'x', 'c'],
    ]);
    expect([...used]).toEqual(['a', 'b']);
  });
});
