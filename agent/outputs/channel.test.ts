import { describe, expect, it } from 'vitest';
import { type Alert, alertSchema } from '#rules/alert';
import { allParts } from '../config/json-parts.ts';
import { type OutputSettings, readOutputs } from '../config/outputs.ts';
import { makeChannel } from './channel.ts';
import type { Sink } from './sink.ts';

const alertOf = (more: object = {}): Alert =>
  alertSchema.parse({
    ...{ time: '2026-11-23T14:00:00Z', rule: 'Shell in a container', priority: 'Warning', tags: ['container'] },
    ...{ output: '14:00:00: Warning a\u001b[31mshell', output_fields: { 'proc.name': 'ba\nsh', 'proc.pid': 7 } },
    ...more,
  });

function collect() {
  const lines: (readonly [string, number])[] = [];
  const sink: Sink = {
    send: (line, severity) => lines.push([line, severity]),
    counters: () => ({ written: lines.length, held: 0, lost: 0 }),
    reopen: () => undefined,
    close: async () => undefined,
  };
  return { sink, lines };
}

function settings(text: string): OutputSettings {
  const read = readOutputs({ path: 'o.yaml', text });
  if (!read.ok || read.outputs[0] === undefined) throw new Error('the settings of the test are wrong');
  return read.outputs[0];
}

describe('what goes to an output', () => {
  it.for([
    { of: '', takes: true },
    { of: 'priority: warning', takes: true },
    { of: 'priority: error', takes: false },
    { of: "rules: ['Shell *', Other]", takes: true },
    { of: 'rules: [Shell]', takes: false },
    { of: 'tags: [container]', takes: true },
    { of: 'rules: [Shell]\n  tags: [x, container]', takes: true },
    { of: 'priority: error\n  tags: [container]', takes: false },
  ])('with "$of": $takes', ({ of, takes }) => {
    const { sink, lines } = collect();
    makeChannel(settings(`- stdout: {}\n  ${of}\n`), sink, allParts, () => 0).write(alertOf());
    expect(lines).toHaveLength(takes ? 1 : 0);
  });

  it('is at most what its rate allows; the rest is counted', () => {
    let nowMs = 0;
    const { sink, lines } = collect();
    const channel = makeChannel(settings('- stdout: {}\n  rate: {alerts: 2, per: 10s}\n'), sink, allParts, () => nowMs);
    for (const atMs of [0, 0, 0, 4_999, 5_000, 5_001, 100_000, 100_000, 100_000]) {
      nowMs = atMs;
      channel.write(alertOf());
    }
    expect(lines).toHaveLength(5);
    expect(channel.counters()).toEqual({ written: 5, held: 0, lost: 0, limited: 4 });
  });
});

describe('the form of an alert', () => {
  it.for([
    { format: 'text', line: '14:00:00: Warning a\\u{1b}[31mshell' },
    { format: "'%alert.rule: %proc.name %proc.pid %fd.name'", line: 'Shell in a container: ba\\u{a}sh 7 <NA>' },
    { format: 'json', line: expect.stringMatching(/^\{"hostname":"","output":.*"time":"2026-11-23T14:00:00Z"\}$/) },
  ])('is one line as $format', ({ format, line }) => {
    const { sink, lines } = collect();
    makeChannel(settings(`- stdout: {}\n  format: ${format}\n`), sink, allParts, () => 0).write(alertOf());
    expect(lines).toEqual([[line, 4]]);
    expect(lines[0]?.[0]).not.toContain('\n');
  });
});
