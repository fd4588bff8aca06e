import { describe, expect, it } from 'vitest';
import { type Alert, alertSchema } from '#rules/alert';
import { allParts } from '../config/json-parts.ts';
import { renderAlert as render, type StdoutForm } from './stdout.ts';

const renderAlert = (alert: Alert, form: StdoutForm['form']) => render(alert, { form, jsonParts: allParts });

const alertOf = (output: string) =>
  alertSchema.parse({
    time: '2026-11-23T14:00:00.000000001Z',
    rule: 'R',
    priority: 'Critical',
    output,
    output_fields: { 'proc.name': 'a\u001b[2J' },
    lanner: { version: 1, id: '019aa1b2-0000-7000-8000-000000000000', node: 'n' },
  });

describe('alerts on standard output', () => {
  it.for([
    { name: 'control characters', text: 'a\u001b[2Jb\nc\u0000\u009b', shown: 'a\\u{1b}[2Jb\\u{a}c\\u{0}\\u{9b}' },
    { name: 'marks that turn text round', text: 'a\u202eb\u2066', shown: 'a\\u{202e}b\\u{2066}' },
    { name: 'line ends of Unicode', text: 'a\u2028b', shown: 'a\\u{2028}b' },
    { name: 'nothing else', text: 'grün 日本 😀', shown: 'grün 日本 😀' },
  ])('escapes $name', ({ text, shown }) => {
    expect(renderAlert(alertOf(text), 'text')).toBe(shown);
  });

  it('colours by priority and ends the colour on the line', () => {
    expect(renderAlert(alertOf('x'), 'colour')).toBe('\u001b[1;31mx\u001b[0m');
  });

  it('is one line of Falco’s JSON, without our own part', () => {
    const line = renderAlert(alertOf('a\nb'), 'json');
    expect(line).not.toContain('\n');
    expect(Object.keys(JSON.parse(line))).not.toContain('lanner');
  });
});
