import { describe, expect, it } from 'vitest';
import { type DiagnosticCode, errorCodes, isWarning, renderDiagnostic, warningCodes } from './diagnostic.ts';
import { insertedText, joinSources, locate, sliceSource, sourceOf } from './source.ts';

const code: DiagnosticCode = 'LOAD_ERR_VALIDATE';

/** `⟦…⟧` is what the message is about. */
function render(marked: string): readonly string[] {
  const start = marked.indexOf('⟦');
  const span = { start, end: marked.indexOf('⟧') - 1 };
  const source = sourceOf('r.yaml', marked.replace(/[⟦⟧]/g, ''));
  return renderDiagnostic({ code, message: 'wrong', source, span }).split('\n');
}

describe('renderDiagnostic', () => {
  it.for([
    {
      what: 'a word',
      text: 'a\nbc ⟦def⟧ g\n',
      gives: ['r.yaml:2:4: error[LOAD_ERR_VALIDATE]: wrong', '  bc def g', '     ^^^'],
    },
    {
      what: 'the end of the text',
      text: 'abc⟦⟧',
      gives: ['r.yaml:1:4: error[LOAD_ERR_VALIDATE]: wrong', '  abc', '     ^'],
    },
    { what: 'an empty text', text: '⟦⟧', gives: ['r.yaml:1:1: error[LOAD_ERR_VALIDATE]: wrong', '  ', '  ^'] },
    {
      what: 'more than a line',
      text: 'ab ⟦cd\nef⟧\n',
      gives: ['r.yaml:1:4: error[LOAD_ERR_VALIDATE]: wrong', '  ab cd', '     ^^'],
    },
    {
      what: 'tabs',
      text: '\ta\t⟦b\tc⟧\n',
      gives: ['r.yaml:1:4: error[LOAD_ERR_VALIDATE]: wrong', '   a b c', '     ^^^'],
    },
    { what: 'CR LF', text: 'a\r\n⟦b⟧\r\n', gives: ['r.yaml:2:1: error[LOAD_ERR_VALIDATE]: wrong', '  b', '  ^'] },
    {
      what: 'wide and combining letters',
      text: '漢a\u0301😀⟦b漢⟧\n',
      gives: ['r.yaml:1:5: error[LOAD_ERR_VALIDATE]: wrong', '  漢a\u0301😀b漢', '       ^^^'],
    },
    {
      what: 'letters that are not seen',
      text: 'a\u001b[2J⟦\u202eb⟧\n',
      gives: ['r.yaml:1:6: error[LOAD_ERR_VALIDATE]: wrong', '  a\\u{1b}[2J\\u{202e}b', '            ^^^^^^^^^'],
    },
  ])('shows $what', ({ text, gives }) => {
    expect(render(text)).toEqual(gives);
  });

  it.for([
    { before: 0, after: 500 },
    { before: 500, after: 500 },
    { before: 500, after: 0 },
    { before: 50, after: 20 },
  ])('cuts a line with $before letters before and $after behind', ({ before, after }) => {
    const [head, line = '', caret = ''] = render(`${'a'.repeat(before)}⟦b⟧${'c'.repeat(after)}`);
    expect(head).toContain(`r.yaml:1:${before + 1}:`);
    expect(line.length).toBeLessThanOrEqual(122);
    expect(line[caret.indexOf('^')]).toBe('b');
    expect(caret.trim()).toBe('^');
  });

  it('tells warnings from errors', () => {
    expect(errorCodes.filter(isWarning)).toEqual([]);
    expect(warningCodes.filter((warning) => !isWarning(warning))).toEqual([]);
    const source = sourceOf('r.yaml', 'a');
    const shown = renderDiagnostic({ code: 'LIKELY_TYPO', message: 'm', source, span: { start: 0, end: 1 } });
    expect(shown).toBe('r.yaml:1:1: warning[LIKELY_TYPO]: m\n  a\n  ^');
  });

  it('takes no longer for the last of many lines than a moment', () => {
    const source = sourceOf('r.yaml', 'abc\n'.repeat(200_000));
    const start = performance.now();
    expect(locate(source, 799_998)).toMatchObject({ line: 200_000, column: 3 });
    expect(performance.now() - start).toBeLessThan(500);
  });
});

describe('sources', () => {
  const file = sourceOf('r.yaml', 'one two three');
  it('keep every letter at its place when cut and joined', () => {
    const joined = joinSources([sliceSource(file, 8), insertedText(' + ', file, 3), sliceSource(file, 0, 3)]);
    expect(joined.text).toBe('three + one');
    const columns = [...joined.text].map((_, offset) => locate(joined, offset).column);
    expect(columns).toEqual([9, 10, 11, 12, 13, 4, 4, 4, 1, 2, 3]);
    const cut = sliceSource(joined, 3, 10);
    expect([...cut.text].map((_, offset) => locate(cut, offset).column)).toEqual([12, 13, 4, 4, 4, 1, 2]);
  });
});
