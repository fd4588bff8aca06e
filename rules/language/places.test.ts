import { describe, expect, it } from 'vitest';
import { fieldCatalogue } from '../fields.ts';
import { renderDiagnostic } from './diagnostic.ts';
import { loadRules } from './load.ts';

/** One rule; `⟦…⟧` is what the caret must stand under. */
const rule = (condition: string, rest = ''): string => `- rule: r
  desc: d
  condition: ${condition}
  output: o
  priority: INFO
${rest}`;

function render(...texts: readonly string[]): readonly string[] {
  const files = texts.map((text, index) => ({ path: `${index + 1}.yaml`, text }));
  return loadRules(files, { fields: fieldCatalogue }).errors.map(renderDiagnostic);
}

/** Takes the marks out, and says what the head and the two lines below must be. */
function readMarks(marked: string): { readonly text: string; readonly place: string; readonly lines: string } {
  const text = marked.replace(/[⟦⟧]/g, '');
  const start = marked.indexOf('⟦');
  const width = [...marked.slice(start + 1, marked.indexOf('⟧'))].length;
  const lines = marked.slice(0, start).split('\n');
  const onLine = lines.at(-1) ?? '';
  const before = [...onLine].length;
  const line = (text.split('\n')[lines.length - 1] ?? '').replace(/\r$/, '').replaceAll('\t', ' ');
  // A terminal shows an emoji two columns wide.
  const caret = onLine.replaceAll('😀', '  ').replace(/./gu, ' ') + '^'.repeat(Math.max(1, width));
  return { text, place: `1.yaml:${lines.length}:${before + 1}:`, lines: `\n  ${line}\n  ${caret}` };
}

const cases: readonly { readonly name: string; readonly text: string; readonly says: string }[] = [
  {
    name: 'a plain scalar',
    text: rule('evt.type = open and ⟦proc.nmae⟧ = x'),
    says: 'unknown field proc.nmae; did you mean proc.name?',
  },
  {
    name: 'the second line of a plain scalar',
    text: rule('evt.type = open\n    and proc.name = x\n    and ⟦proc.nmae⟧ = x'),
    says: 'unknown field proc.nmae',
  },
  {
    name: 'a folded scalar',
    text: rule('>\n    evt.type = open\n    and ⟦proc.nmae⟧ = x'),
    says: 'unknown field proc.nmae',
  },
  {
    name: 'a folded scalar with lines indented more and an empty one',
    text: rule('>-\n    evt.type = open\n      and proc.name = x\n\n    and not\n      ⟦proc.nmae⟧ = x'),
    says: 'unknown field proc.nmae',
  },
  {
    name: 'a literal scalar',
    text: rule('|\n    evt.type = open\n      and ⟦proc.nmae⟧ = x'),
    says: 'unknown field proc.nmae',
  },
  {
    name: 'a literal scalar with an explicit indent',
    text: rule('|2\n    evt.type = open\n    and ⟦proc.nmae⟧ = x'),
    says: 'unknown field proc.nmae',
  },
  {
    name: 'double quotes, behind escapes',
    text: rule('"evt.type = open and proc.name = \\"a\\\\\\\\b\\"\\tand ⟦proc.nmae⟧ = x"'),
    says: 'unknown field proc.nmae',
  },
  {
    name: 'double quotes, behind an escape for a letter',
    text: rule('"evt.type = open and proc.name = \\"\\u00e9\\x41\\U0001F600\\" and ⟦proc.nmae⟧ = x"'),
    says: 'unknown field proc.nmae',
  },
  {
    name: 'double quotes, at an escape',
    text: rule('"evt.type = open and proc.name = a ⟦\\⟧"b"'.replace('b"', 'b\\""')),
    says: 'unexpected',
  },
  {
    name: 'double quotes over two lines',
    text: rule('"evt.type = open\n    and ⟦proc.nmae⟧ = x"'),
    says: 'unknown field proc.nmae',
  },
  {
    name: 'double quotes with an escaped line break',
    text: rule('"evt.type = op\\\n    en and ⟦proc.nmae⟧ = x"'),
    says: 'unknown field proc.nmae',
  },
  {
    name: 'single quotes, behind doubled ones',
    text: rule("'evt.type = open and proc.name = '''' and proc.name = ''a b'' and ⟦proc.nmae⟧ = x'"),
    says: 'unknown field proc.nmae',
  },
  {
    name: 'single quotes over two lines',
    text: rule("'evt.type = open and proc.name = ''a''\n    and ⟦proc.nmae⟧ = x'"),
    says: 'unknown field proc.nmae',
  },
  {
    name: 'letters beyond ASCII before it, also those of two UTF-16 units',
    text: rule('evt.type = open and proc.name in (é, żółw, 😀, "😀😀") and ⟦proc.nmae⟧ = x'),
    says: 'unknown field proc.nmae',
  },
  {
    name: 'tabs before it',
    text: rule('evt.type = open\tand\t⟦proc.nmae⟧ = x'),
    says: 'unknown field proc.nmae',
  },
  {
    name: 'lines that end in CR LF',
    text: rule('>\n    evt.type = open\n    and ⟦proc.nmae⟧ = x').replaceAll('\n', '\r\n'),
    says: 'unknown field proc.nmae',
  },
  {
    name: 'a comment behind the block mark',
    text: rule('> # why\n    evt.type = open and ⟦proc.nmae⟧ = x'),
    says: 'unknown field proc.nmae',
  },
  {
    name: 'an anchored scalar that is used by an alias',
    text: `- macro: m\n  condition: &c evt.type = open and ⟦proc.nmae⟧ = x\n${rule('*c')}`,
    says: 'unknown field proc.nmae',
  },
  {
    name: 'a tagged scalar in a map in braces',
    text: `- {rule: r, desc: d, condition: !!str "⟦proc.nmae⟧ = x", output: o, priority: INFO}\n`,
    says: 'unknown field proc.nmae',
  },
  {
    name: 'a parse error in the middle of a word',
    text: rule('>\n    evt.type = open\n    and proc.name ⟦~⟧ x'),
    says: 'expected an operator after the field',
  },
  {
    name: 'a condition that ends too early, at its end',
    text: rule('evt.type = open and⟦⟧'),
    says: 'found the end',
  },
  {
    name: 'an event type',
    text: rule('evt.type in (open, ⟦opnat⟧)'),
    says: 'unknown event type "opnat"; did you mean openat?',
  },
  {
    name: 'a constant of the wrong type',
    text: rule('evt.type = open and fd.sport in (https, 22, ⟦shh⟧)'),
    says: 'fd.sport is PORT: "shh" is no port number',
  },
  {
    name: 'the field of val()',
    text: rule('evt.type = open and proc.name = val(⟦proc.nmae⟧)'),
    says: 'unknown field proc.nmae',
  },
  {
    name: 'the field in a transformer in a transformer',
    text: rule('evt.type = open and tolower(basename(⟦proc.nmae⟧)) = x'),
    says: 'unknown field proc.nmae',
  },
  {
    name: 'an unknown escape',
    text: rule('|\n    evt.type = open and proc.name = "a⟦\\.⟧b"'),
    says: 'unknown escape \\.',
  },
  {
    name: 'an item of a list',
    text: `- list: ports\n  items: [22, ⟦shh⟧]\n${rule('evt.type = open and fd.sport in (ports)')}`,
    says: '"shh" is no port number or known service; did you mean ssh? (in list ports, used by rule "r")',
  },
  {
    name: 'an item with blanks, in quotes',
    text: `- list: ports\n  items:\n    - 22\n    - "⟦s hh⟧"\n${rule('evt.type = open and fd.sport in (1, ports, 3)')}`,
    says: '"s hh" is no port number or known service (in list ports, used by rule "r")',
  },
  {
    name: 'an item of a list in a list',
    text: `- list: a\n  items: [⟦shh⟧]\n- list: b\n  items: [22, a]\n${rule('evt.type = open and fd.sport in (b)')}`,
    says: '(in list b, used by rule "r")',
  },
  {
    name: 'an item that was appended',
    text: `- list: a\n  items: [22]\n- list: a\n  items: [⟦shh⟧]\n  override: {items: append}\n${rule('evt.type = open and fd.sport in (a)')}`,
    says: '(in list a, used by rule "r")',
  },
  {
    name: 'an item that breaks the condition',
    text: `- list: a\n  items: [x, y)⟦z⟧]\n${rule('evt.type = open and proc.name in (a)')}`,
    says: 'unexpected "z" after a complete condition (in list a, used by rule "r")',
  },
  {
    name: 'an item of a list in a macro',
    text: `- list: ports\n  items: [22, ⟦shh⟧]\n- macro: m\n  condition: fd.sport in (ports)\n${rule('evt.type = open and m')}`,
    says: '(in list ports, used by macro m, used by rule "r")',
  },
  {
    name: 'the text after a list',
    text: `- list: ports\n  items: [22, 23, 24]\n${rule('evt.type = open and fd.sport in (ports) and ⟦proc.nmae⟧ = x')}`,
    says: 'unknown field proc.nmae; did you mean proc.name?',
  },
  {
    name: 'a bracket that an empty list leaves',
    text: `- list: none\n  items: []\n${rule('evt.type = open and proc.name = ⟦(⟧none)')}`,
    says: 'expected a value after =, found "("',
  },
  {
    name: 'a check in a macro',
    text: `- macro: m\n  condition: >\n    proc.name = x\n    or ⟦proc.nmae⟧ = x\n${rule('evt.type = open and m')}`,
    says: 'unknown field proc.nmae; did you mean proc.name? (in macro m, used by rule "r")',
  },
  {
    name: 'a check in a macro in a macro',
    text: `- macro: m\n  condition: ⟦proc.nmae⟧ = x\n- macro: n\n  condition: not m\n${rule('evt.type = open and n')}`,
    says: '(in macro m, used by rule "r")',
  },
  {
    name: 'a parse error in a macro',
    text: `- macro: m\n  condition: proc.name ⟦~⟧ x\n- macro: n\n  condition: not m\n${rule('evt.type = open and n')}`,
    says: '(in macro m, used by rule "r")',
  },
  {
    name: 'a parse error in a macro that nothing uses',
    text: '- macro: m\n  condition: proc.name ⟦~⟧ x\n',
    says: 'found "~"; write regex (in macro m)',
  },
  {
    name: 'an unknown macro in a macro',
    text: `- macro: known\n  condition: proc.name = x\n- macro: m\n  condition: (⟦knwon⟧)\n${rule('evt.type = open and m and known')}`,
    says: 'unknown macro knwon; did you mean known? (in macro m, used by rule "r")',
  },
  {
    name: 'a macro that is defined later',
    text: `- macro: m\n  condition: (⟦later⟧)\n- macro: later\n  condition: proc.name = x\n${rule('evt.type = open and m')}`,
    says: 'macro later is defined later; a macro sees only those before it (in macro m, used by rule "r")',
  },
  {
    name: 'an unknown macro in the condition of a rule',
    text: `- macro: spawned_process\n  condition: evt.type = execve\n${rule('spawned_process and ⟦spawned_proces⟧')}`,
    says: 'unknown macro spawned_proces; did you mean spawned_process?',
  },
  {
    name: 'what was appended to a macro',
    text: `- macro: m\n  condition: proc.name = x\n- macro: m\n  condition: >\n    or ⟦proc.nmae⟧ = x\n  override: {condition: append}\n${rule('evt.type = open and m')}`,
    says: '(in macro m, used by rule "r")',
  },
  {
    name: 'what was appended to a condition',
    text: `${rule('evt.type = open')}- rule: r\n  condition: and (⟦proc.nmae⟧ = x)\n  override: {condition: append}\n`,
    says: 'unknown field proc.nmae',
  },
  {
    name: 'what was appended in the old way',
    text: `${rule('evt.type = open')}- rule: r\n  condition: and (⟦proc.nmae⟧ = x)\n  append: true\n`,
    says: 'unknown field proc.nmae',
  },
  {
    name: 'what replaced a condition',
    text: `${rule('evt.type = open')}- rule: r\n  condition: evt.type = open and ⟦proc.nmae⟧ = x\n  override: {condition: replace}\n`,
    says: 'unknown field proc.nmae',
  },
  {
    name: 'a field of an exception',
    text: rule('evt.type = open', '  exceptions:\n    - name: e\n      fields: [proc.name, ⟦proc.nmae⟧]\n'),
    says: 'exception e: unknown field proc.nmae',
  },
  {
    name: 'the only field of an exception',
    text: rule('evt.type = open', '  exceptions:\n    - name: e\n      fields: "⟦proc.nmae⟧"\n'),
    says: 'exception e: unknown field proc.nmae',
  },
  {
    name: 'an operator of an exception',
    text: rule(
      'evt.type = open',
      '  exceptions:\n    - name: e\n      fields: [proc.name, fd.name]\n      comps: [in, ⟦startwith⟧]\n',
    ),
    says: 'exception e: unknown operator "startwith"; did you mean startswith?',
  },
  {
    name: 'the only operator of an exception',
    text: rule('evt.type = open', '  exceptions:\n    - name: e\n      fields: proc.name\n      comps: ⟦startswith⟧\n'),
    says: 'must be in, pmatch, intersects or one with oneof, anyof or allof, found startswith',
  },
  {
    name: 'an operator that does not fit the type of its field, in an exception',
    text: rule(
      'evt.type = open',
      '  exceptions:\n    - name: e\n      fields: [⟦proc.pid⟧]\n      comps: [startswith]\n      values: [[a]]\n',
    ),
    says: 'proc.pid is INT64, which does not take startswith',
  },
  {
    name: 'a value of an exception',
    text: rule(
      'evt.type = open',
      '  exceptions:\n    - name: e\n      fields: [proc.name, proc.pid]\n      values:\n        - [a, 1]\n        - [b, ⟦x⟧]\n',
    ),
    says: '"x" is no decimal integer',
  },
  {
    name: 'a value in a list of an exception',
    text: rule(
      'evt.type = open',
      '  exceptions:\n    - name: e\n      fields: [proc.name, fd.sport]\n      comps: [=, in]\n      values:\n        - [a, [22, "⟦s hh⟧"]]\n',
    ),
    says: '"s hh" is no port number',
  },
  {
    name: 'a value of an exception with one field',
    text: rule(
      'evt.type = open',
      '  exceptions:\n    - name: e\n      fields: fd.sport\n      values:\n        - 22\n        - ⟦shh⟧\n',
    ),
    says: '"shh" is no port number',
  },
  {
    name: 'a row of an exception that is too short',
    text: rule(
      'evt.type = open',
      '  exceptions:\n    - name: e\n      fields: [proc.name, proc.pid]\n      values:\n        - [a, 1]\n        - ⟦[b]⟧\n',
    ),
    says: 'this row has 1 values',
  },
  {
    name: 'a value of an exception that breaks the condition',
    text: rule(
      'evt.type = open',
      '  exceptions:\n    - name: e\n      fields: [proc.name]\n      values:\n        - ["a ⟦b⟧"]\n',
    )
      .replace('"a ', '\'"a" ')
      .replace('"]', "']"),
    says: 'expected ) for the (',
  },
  {
    name: 'a list that is used by an exception',
    text: `- list: ports\n  items: [22, ⟦shh⟧]\n${rule('evt.type = open', '  exceptions:\n    - name: e\n      fields: fd.sport\n      values: [ports]\n')}`,
    says: '(in list ports, used by rule "r")',
  },
  {
    name: 'a value that was appended to an exception',
    text: `${rule('evt.type = open', '  exceptions:\n    - {name: e, fields: fd.sport, values: [22]}\n')}- rule: r\n  exceptions:\n    - {name: e, values: [⟦shh⟧]}\n  override: {exceptions: append}\n`,
    says: '"shh" is no port number',
  },
  {
    name: 'a field in an output',
    text: rule('evt.type = open').replace('output: o', 'output: command %⟦proc.cmdlin⟧ here'),
    says: 'unknown field proc.cmdlin; did you mean proc.cmdline?',
  },
  {
    name: 'a field in a folded output',
    text: rule('evt.type = open').replace('output: o', 'output: >\n    command\n    %proc.name %⟦proc.cmdlin⟧ here'),
    says: 'unknown field proc.cmdlin',
  },
  {
    name: 'a field in an output in double quotes',
    text: rule('evt.type = open').replace('output: o', 'output: "\\"é\\" %10⟦proc.cmdlin⟧"'),
    says: 'unknown field proc.cmdlin',
  },
  {
    name: 'a lone % in an output',
    text: rule('evt.type = open').replace('output: o', 'output: 100 ⟦% ⟧of it'),
    says: '%',
  },
  {
    name: 'what was appended to an output',
    text: `${rule('evt.type = open')}- rule: r\n  output: "  %⟦proc.cmdlin⟧"\n  override: {output: append}\n`,
    says: 'unknown field proc.cmdlin',
  },
  {
    name: 'a priority',
    text: rule('evt.type = open').replace('INFO', '⟦WARNIN⟧'),
    says: 'unknown priority "WARNIN"; did you mean WARNING?',
  },
  {
    name: 'a word of an override',
    text: `${rule('evt.type = open')}- rule: r\n  tags: [a]\n  override: {tags: ⟦apend⟧}\n`,
    says: 'override takes append or replace, found "apend"',
  },
  {
    name: 'a key that cannot be appended',
    text: `${rule('evt.type = open')}- rule: r\n  priority: INFO\n  override: {⟦priority⟧: append}\n`,
    says: 'priority of a rule cannot be appended',
  },
  {
    name: 'a base that does not exist',
    text: `${rule('evt.type = open')}- rule: ⟦rr⟧\n  tags: [a]\n  override: {tags: append}\n`,
    says: 'no rule "rr" was defined before; did you mean "r"?',
  },
];

describe('places', () => {
  it.for(cases)('show $name', ({ text: marked, says }) => {
    const { text, place, lines } = readMarks(marked);
    const errors = render(text);
    expect(errors).toHaveLength(1);
    const [error = ''] = errors;
    expect(error).toContain(says);
    expect(error.slice(0, place.length)).toBe(place);
    expect(error.slice(error.indexOf('\n'))).toBe(lines);
  });
});
