import { describe, expect, it } from 'vitest';
import { maxDepth } from './lexer.ts';
import { parseCondition, parseFieldExpression } from './parser.ts';
import { printCondition, printOperand } from './print.ts';
import { sourceOf } from './source.ts';

/** The condition in canonical form, or `column: message`. */
function parse(text: string): string {
  const parsed = parseCondition(sourceOf('condition', text));
  if (parsed.ok) return printCondition(parsed.value);
  const [{ span, message }] = parsed.diagnostics;
  return `${span.start + 1}: ${message}`;
}

describe('parseCondition', () => {
  it.for([
    { text: 'a or b and not c', gives: '(a or (b and not c))' },
    { text: 'a and(b)or(c)', gives: '((a and b) or c)' },
    { text: 'not not not', gives: 'not' },
    { text: 'nota and not_b', gives: '(nota and not_b)' },
    { text: 'not(a)and not not b', gives: '(not a and b)' },
    { text: 'and and or', gives: '(and and or)' },
    { text: '\ta\r\nand\bb ', gives: '(a and b)' },
    { text: 'not\va and not\fb', gives: '(not a and not b)' },
    { text: 'f.x = a\bc', gives: String.raw`f.x = "a\bc"` },
    { text: String.raw`f.x in ("a\.b")`, gives: 'f.x in ()' },
    { text: String.raw`f.x = anyof ( 'a\d+') and b`, gives: '(f.x = anyof () and b)' },
    { text: 'f.x existsand f.y inx', gives: '(f.x exists and f.y in x)' },
    { text: 'f.x>5and b', gives: '(f.x > 5 and b)' },
    { text: 'f.x<=-5.5e+3', gives: 'f.x <= -5.5e+3' },
    { text: 'f.x = anyof and g', gives: '(f.x = anyof and g)' },
    { text: 'f.x  startswith  anyof  ( a ,b )', gives: 'f.x startswith anyof (a, b)' },
    { text: 'f.x[a,b(c)=d] exists', gives: 'f.x["a,b(c)=d"] exists' },
    { text: `f.x['a b'] = "c 'd'"`, gives: `f.x["a b"] = "c 'd'"` },
    { text: 'f.x in ( )', gives: 'f.x in ()' },
    { text: 'f.x = val( f.y )[z]', gives: 'f.x = val(f.y)[z]' },
    { text: 'join(",", (f.x, 5, toupper("a")))[x] = a', gives: 'join(,,(f.x,5,toupper(a)))[x] = a' },
    { text: String.raw`f.x = "a\\ b\/\"\n"`, gives: String.raw`f.x = "a\\ b/\"\n"` },
    { text: String.raw`f.x = "a\ "`, gives: String.raw`f.x = "a\\"` },
    { text: String.raw`f.x = a\b`, gives: String.raw`f.x = "a\\b"` },
    { text: 'f.x = "a\nb"', gives: String.raw`f.x = "a\nb"` },
    { text: 'f.x = a#b;ü', gives: 'f.x = a#b;ü' },
  ])('reads $text', ({ text, gives }) => {
    expect(parse(text)).toBe(gives);
  });

  it.for([
    { text: '', says: '1: expected a field, a macro, "not" or (, found the end' },
    { text: 'not ', says: '5: expected a field, a macro, "not" or (, found the end' },
    { text: 'not not ', says: '9: expected a field, a macro, "not" or (, found the end' },
    { text: 'not\ba', says: '5: unexpected "a" after a complete condition' },
    { text: 'f.x = a\vb', says: '8: unexpected "\\u000b" after a complete condition' },
    {
      text: String.raw`f.x in ("a\.b", c)`,
      says: String.raw`11: unknown escape \.; a quoted string knows \" \\ \/ \b \f \n \r \t`,
    },
    {
      text: String.raw`f.x in ("a\.b" )`,
      says: String.raw`11: unknown escape \.; a quoted string knows \" \\ \/ \b \f \n \r \t`,
    },
    { text: 'a andb', says: '6: expected a blank or ( after "and", found "b"' },
    { text: '(a and b', says: '9: expected ) for the ( in line 1, column 1; found the end' },
    {
      text: 'a and name = b',
      says: '12: unexpected "=" after a complete condition; name is read as a macro, for the name of a field has a dot',
    },
    {
      text: 'name in (b)',
      says: '6: unexpected "in" after a complete condition; name is read as a macro, for the name of a field has a dot',
    },
    { text: 'a && b', says: '3: unexpected "&&" after a complete condition; write and' },
    { text: 'a OR b', says: '3: unexpected "OR" after a complete condition; write or' },
    {
      text: 'a or(b)and c',
      says: '8: unexpected "and" after a complete condition; put what is before it in parentheses',
    },
    { text: 'f.x like a', says: '5: expected an operator after the field, found "like"; write glob' },
    { text: 'f.x IN (a)', says: '5: expected an operator after the field, found "IN"; write in' },
    {
      text: 'f.x not in (a)',
      says: '5: expected an operator after the field, found "not"; write not before the field',
    },
    { text: 'a)', says: '2: unexpected ")" after a complete condition' },
    { text: 'f.x [1] = a', says: '5: expected an operator after the field, found "[1]"' },
    { text: 'f.x[] = a', says: '5: expected an argument between [ and ], found "]"' },
    { text: 'f.x[a"] = a', says: '6: expected ] after the argument, found "\\"]"' },
    { text: 'f.x < a', says: '7: expected a number after <, found "a"' },
    { text: 'f.x = ', says: '7: expected a value after =, found the end' },
    {
      text: 'f.x = (a)',
      says: '7: expected a value after =, found "(" (a list needs in, intersects, pmatch or a modifier such as anyof)',
    },
    { text: 'f.x regex a(b|c)', says: '12: a value with ( in it needs quotes' },
    { text: 'f.x in (a,, b)', says: '11: expected a value after the comma, found ","' },
    { text: 'f.x in 5', says: '8: expected ( or the name of a list after in, found "5"' },
    { text: 'f.x = "a', says: '7: this " has no closing "' },
    {
      text: String.raw`f.x = 'a\\'`,
      says: String.raw`7: this ' has no closing ' (a string cannot end in \\ here; write it without quotes, or end it with backslash and blank)`,
    },
    {
      text: String.raw`f.x = "a\x41"`,
      says: String.raw`9: unknown escape \x; a quoted string knows \" \\ \/ \b \f \n \r \t`,
    },
    { text: 'f.x = val(a)', says: '11: val() takes a field, found "a"' },
    { text: 'tolower() = a', says: '1: tolower() needs a value' },
    { text: 'tolower(a) = a', says: '9: expected a value for tolower() or ), found "a"' },
    {
      text: 'join(",", (f.x, ())) = a',
      says: '17: expected a field or a value after the comma, found "("',
    },
    { text: 'f.x = a b', says: '9: unexpected "b" after a complete condition' },
  ])('says where and why it cannot read $text', ({ text, says }) => {
    expect(parse(text)).toBe(says);
  });

  it(`takes ${maxDepth} parentheses and refuses more, however many`, () => {
    const nest = (depth: number): string => parse(`${'('.repeat(depth)}a${')'.repeat(depth)}`);
    expect(nest(maxDepth)).toBe('a');
    expect(nest(maxDepth + 1)).toBe(`${maxDepth + 2}: more than ${maxDepth} nested parentheses`);
    expect(nest(200_000)).toBe(`${maxDepth + 2}: more than ${maxDepth} nested parentheses`);
    expect(parse(`f.x = ${'tolower('.repeat(100_000)}`)).toContain('nested parentheses');
  });

  it('takes any number of negations and of parts', () => {
    expect(parse(`${'not '.repeat(100_001)}a`)).toBe('not a');
    expect(parse(Array.from({ length: 50_000 }, () => 'a').join(' and '))).toHaveLength(50_000 * 6 - 3);
  });
});

describe('parseFieldExpression', () => {
  it.for([
    { text: ' f.x[2] ', gives: 'f.x[2]' },
    { text: 'toupper(f.x)', gives: 'toupper(f.x)' },
    { text: 'f.x = a', gives: 'unexpected "=" after the field' },
    { text: 'name', gives: 'expected a field, found "name"' },
    { text: '', gives: 'expected a field, found the end' },
    { text: 'f.x[', gives: 'expected an argument between [ and ], found the end' },
  ])('of $text is $gives', ({ text, gives }) => {
    const parsed = parseFieldExpression(sourceOf('field', text), 'LOAD_ERR_VALIDATE');
    expect(parsed.ok ? printOperand(parsed.value) : parsed.diagnostics[0].message).toBe(gives);
  });
});

describe('printCondition', () => {
  /** The canonical form quotes too little to be read again; the exact one does not. */
  it.for([
    { text: 'f.x = "a(b"', canonical: 'f.x = a(b', exact: 'f.x = "a(b"' },
    { text: 'f.x = ""', canonical: 'f.x = ', exact: 'f.x = ""' },
    { text: 'f.x in ("a,b", c)', canonical: 'f.x in (a,b, c)', exact: 'f.x in ("a,b", c)' },
    { text: 'not (not a)', canonical: 'not not a', exact: 'not (not a)' },
    { text: String.raw`f.x = a\ `, canonical: String.raw`f.x = "a\\"`, exact: String.raw`f.x = a\ `.trim() },
    { text: 'concat("a", "b c") exists', canonical: 'concat(a,"b c") exists', exact: 'concat("a","b c") exists' },
  ])('shows $text', ({ text, canonical, exact }) => {
    const parsed = parseCondition(sourceOf('condition', text));
    if (!parsed.ok) throw new Error(parsed.diagnostics[0].message);
    expect(printCondition(parsed.value)).toBe(canonical);
    expect(printCondition(parsed.value, 'exact')).toBe(exact);
    const again = parseCondition(sourceOf('condition', exact));
    expect(again.ok && printCondition(again.value, 'exact')).toBe(exact);
  });
});
