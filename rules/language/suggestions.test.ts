import { describe, expect, it } from 'vitest';
import { fieldCatalogue } from '../fields.ts';
import { isFalcos } from './diagnostic.ts';
import { loadRules } from './load.ts';
import { nearest } from './nearest.ts';

function say(text: string): readonly string[] {
  const { errors, warnings } = loadRules([{ path: 'r.yaml', text }], { fields: fieldCatalogue });
  return [...errors, ...warnings].map(({ code, message }) => `${code}: ${message}`);
}

const rule = (condition: string, rest = ''): string =>
  `- rule: r\n  desc: d\n  condition: ${condition}\n  output: o\n  priority: INFO\n${rest}`;
const lists = '- list: shell_binaries\n  items: [sh]\n- list: ports\n  items: [22]\n';
const using = rule('evt.type = open and proc.name in (shell_binaries) and fd.sport in (ports)').replace('r\n', 'u\n');

describe('a misspelt word', () => {
  it.for([
    { what: 'field', text: rule('evt.type = open and proc.cmdlnie = x'), says: 'did you mean proc.cmdline?' },
    {
      what: 'field of an output',
      text: rule('evt.type = open').replace('output: o', 'output: "%proc.pnmae"'),
      says: 'unknown field proc.pnmae; did you mean proc.pname?',
    },
    {
      what: 'field that was removed',
      text: rule('evt.type = open and container.privilegde = true'),
      says: 'did you mean container.privileged?',
    },
    { what: 'event type', text: rule('evt.type = opeant'), says: 'unknown event type "opeant"; did you mean openat?' },
    {
      what: 'service',
      text: rule('evt.type = connect and fd.sport = htps'),
      says: '"htps" is no port number or known service; did you mean https?',
    },
    {
      what: 'truth value',
      text: rule('evt.type = open and proc.is_exe_writable = True'),
      says: '"True" is no truth value; use true or false',
    },
    {
      what: 'macro',
      text: `- macro: spawned\n  condition: evt.type = execve\n${rule('spawned or spanwed')}`,
      says: 'unknown macro spanwed; did you mean spawned?',
    },
    {
      what: 'list after in',
      text: lists + using + rule('evt.type = open and proc.name in shel_binaries'),
      says: 'LIKELY_TYPO: shel_binaries is no list but a text; did you mean the list shell_binaries?',
    },
    {
      what: 'list in brackets',
      text: lists + using + rule('evt.type = open and proc.name in (bash, shell_binarys)'),
      says: 'LIKELY_TYPO: shell_binarys is no list but a text; did you mean the list shell_binaries?',
    },
    {
      what: 'list to append to',
      text: `${lists}${using}- list: shell_binareis\n  items: [zsh]\n  override: {items: append}\n`,
      says: 'no list "shell_binareis" was defined before; did you mean "shell_binaries"?',
    },
    {
      what: 'macro to append to',
      text: `- macro: spawned\n  condition: evt.type = execve\n${rule('spawned')}- macro: spawnde\n  condition: or evt.type = open\n  append: true\n`,
      says: 'no macro "spawnde" was defined before; did you mean "spawned"?',
    },
    {
      what: 'rule to change',
      text: `${rule('evt.type = open').replace('r\n', 'Read a file\n')}- rule: Read  a file\n  tags: [x]\n  override: {tags: append}\n`,
      says: 'no rule "Read  a file" was defined before; did you mean "Read a file"?',
    },
    {
      what: 'operator',
      text: rule('evt.type = open and proc.name startwith a'),
      says: 'found "startwith"; did you mean startswith?',
    },
    {
      what: 'operator, which wants a blank',
      text: rule(`'evt.type = open and proc.name startswith"a"'`),
      says: 'found "startswith\\"a\\""; a blank must follow startswith',
    },
    {
      what: 'operator of an exception',
      text: rule('evt.type = open', '  exceptions:\n    - {name: e, fields: [proc.name], comps: [endwith]}\n'),
      says: 'exception e: unknown operator "endwith"; did you mean endswith?',
    },
    {
      what: 'modifier',
      text: rule('evt.type = open and proc.name = anyof(a, b)'),
      says: 'a blank must stand between anyof and (',
    },
    {
      what: 'transformer on the left',
      text: rule('evt.type = open and tolwer(proc.name) = x'),
      says: 'unknown transformer tolwer; did you mean tolower?',
    },
    {
      what: 'transformer on the right',
      text: rule('evt.type = open and proc.name = touper(proc.pname)'),
      says: 'unknown transformer touper; did you mean toupper?',
    },
    {
      what: 'val',
      text: rule('evt.type = open and proc.name = vall(proc.pname)'),
      says: 'unknown transformer vall; did you mean val?',
    },
    { what: 'kind of item', text: '- rul: r\n', says: 'LOAD_UNKNOWN_ITEM: unknown item rul; did you mean rule?' },
    {
      what: 'key of a rule',
      text: rule('evt.type = open', '  tgas: [x]\n'),
      says: 'LOAD_UNKNOWN_KEY: unknown key tgas in this rule; did you mean tags?',
    },
    {
      what: 'key of a rule that is needed',
      text: rule('evt.type = open').replace('condition', 'conditon'),
      says: 'condition is missing',
    },
    {
      what: 'key of a list',
      text: '- list: l\n  itmes: [a]\n',
      says: 'LOAD_UNKNOWN_KEY: unknown key itmes in this list; did you mean items?',
    },
    {
      what: 'key of a macro',
      text: '- macro: m\n  condition: evt.type = open\n  overide: {condition: append}\n',
      says: 'LOAD_UNKNOWN_KEY: unknown key overide in this macro; did you mean override?',
    },
    {
      what: 'key of an exception',
      text: rule('evt.type = open', '  exceptions:\n    - {name: e, fields: [proc.name], vlaues: [[a]]}\n'),
      says: 'LIKELY_TYPO: unknown key vlaues in this exception; did you mean values?',
    },
    {
      what: 'operation of an override',
      text: `${rule('evt.type = open')}- rule: r\n  tags: [x]\n  override: {tags: apend}\n`,
      says: 'override takes append or replace, found "apend"; did you mean append?',
    },
    {
      what: 'key of an override',
      text: `${rule('evt.type = open')}- rule: r\n  tags: [x]\n  override: {tgas: append}\n`,
      says: 'tgas of a rule cannot be appended; did you mean tags?',
    },
    {
      what: 'priority',
      text: rule('evt.type = open').replace('INFO', 'CRITICLA'),
      says: 'unknown priority "CRITICLA"; did you mean CRITICAL?',
    },
    {
      what: 'priority that Falco does not have',
      text: rule('evt.type = open').replace('INFO', 'HIGH'),
      says: 'unknown priority "HIGH"; one of Emergency',
    },
    {
      what: 'source',
      text: rule('evt.type = open', '  source: sycsall\n'),
      says: 'nothing here provides the source sycsall; did you mean syscall?',
    },
    {
      what: 'parameter of events',
      text: rule('evt.type = open and evt.arg.falgs contains O_CREAT'),
      says: 'LIKELY_TYPO: no event has a evt.arg.falgs; did you mean evt.arg.flags?',
    },
    {
      what: 'parameter of events in an output',
      text: rule('evt.type = open').replace('output: o', 'output: "a=%evt.arg.filenmae"'),
      says: 'LIKELY_TYPO: no event has a evt.arg.filenmae; did you mean evt.arg.filename?',
    },
  ])('$what is told with what was meant', ({ text, says }) => {
    expect(say(text)).toContainEqual(expect.stringContaining(says));
  });

  it.for([
    { what: 'a plain word like a list', text: lists + using + rule('evt.type = open and proc.name in (port)') },
    {
      what: 'a quoted word like a list',
      text: lists + using + rule(`evt.type = open and proc.name in ('shell_binary')`),
    },
    { what: 'a parameter unlike any known', text: rule('evt.type = open and evt.arg.something = 1') },
    {
      what: 'an own key of an exception',
      text: rule('evt.type = open', '  exceptions:\n    - {name: e, fields: [proc.name], reviewed: yes}\n'),
    },
  ])('$what is no mistake', ({ text }) => {
    expect(say(text)).toEqual([]);
  });

  it('has codes of ours for what Falco does not tell', () => {
    expect(isFalcos('LIKELY_TYPO')).toBe(false);
    expect(isFalcos('LOAD_UNKNOWN_KEY')).toBe(true);
  });
});

describe('nearest', () => {
  it.for([
    { word: 'tags', known: ['tag', 'tags'], found: 'tags' },
    { word: 'ab', known: ['ba'], found: 'ba' },
    { word: 'proc.nmae', known: ['proc.tname', 'proc.name'], found: 'proc.name' },
    { word: 'abcdefgh', known: ['abxdefyh'], found: 'abxdefyh' },
    { word: 'abcd', known: ['xbcy'], found: undefined },
    { word: 'a', known: ['b'], found: undefined },
    { word: 'x'.repeat(100), known: ['x'.repeat(99)], found: undefined },
    { word: 'word', known: [], found: undefined },
  ])('of $word is $found', ({ word, known, found }) => {
    expect(nearest(word, known)).toBe(found);
  });
});
