import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { captureTypes } from '../../agent/capture/shapes.ts';
import { decodeFork } from '../../agent/events/decode.ts';
import type { Event } from '../../agent/events/event.ts';
import { read, sceneOf } from '../../agent/fields/sample.ts';
import { listed, made, rearranged, shownElsewhere, throughI386, throughX32 } from './calls-table.ts';
import { compile, makeFolder, pick, Recorder, type Run } from './recorder.ts';

const folder = makeFolder();
let recorder: Recorder;
let run: Run;
/** What each call returned, as the program saw it, by `entry name`; the last one counts. */
let results: ReadonlyMap<string, number>;

beforeAll(async () => {
  const program = compile('calls.c', folder.path);
  recorder = new Recorder(captureTypes.filter((type) => !/^(futex|epoll_)/.test(type)));
  const whole = await recorder.run(program, [], folder.path);
  run = { ...whole, events: whole.events.slice(whole.events.findIndex(({ kind }) => kind === 'exec')) };
  results = new Map(
    readFileSync(join(folder.path, 'results'), 'latin1')
      .trim()
      .split('\n')
      .map((line) => line.split(' '))
      .map(([entry, name, result]) => [`${entry} ${name}`, Number(result)]),
  );
});

afterAll(() => {
  recorder?.close();
  folder.remove();
});

/** In a scene whose process is in the folder, as this one is. */
function see(event: Event, field: string): unknown {
  const scene = sceneOf(event);
  const known = scene.process;
  const process = known && { ...known, context: { ...known.context, cwd: folder.path } };
  return read(field, { ...scene, process });
}

/** The parameters that the table names, `./` standing for the folder. */
function expectParameters(event: Event, expected: Readonly<Record<string, string | undefined>>): void {
  const seen = Object.fromEntries(
    Object.keys(expected).map((name) => {
      const text = see(event, `evt.arg.${name}`);
      const inside = typeof text === 'string' && text.startsWith(`${folder.path}/`);
      return [name, inside ? text.replace(folder.path, '.') : text];
    }),
  );
  expect(seen).toEqual(expected);
}

function expectResult(event: Event, entry: string): void {
  const result = results.get(entry);
  expect(result).toBeTypeOf('number');
  expect(see(event, 'evt.rawres')).toBe(result);
  expect(see(event, 'evt.failed')).toBe(Number(result) < 0);
  expect(see(event, 'evt.res') === 'SUCCESS').toBe(Number(result) >= 0);
}

describe('the calls that runtime security watches', () => {
  const shownHere = new Set([...Object.keys(made), 'fork', 'vfork']);

  it('are each made here or shown by a test that is named', () => {
    expect(listed.filter((call) => !shownHere.has(call) && !shownElsewhere.has(call))).toEqual([]);
  });

  it('are named by the other tests', () => {
    const unnamed = [...shownElsewhere].filter(
      ([call, file]) => !new RegExp(`\\b${call}\\b`).test(readFileSync(new URL(file, import.meta.url), 'utf8')),
    );
    expect(unnamed).toEqual([]);
  });
});

describe('a call', () => {
  it('of the program comes to its end', () => expect(run.code).toBe(0));

  it.for(Object.entries(made))('%s has its result and parameters', ([type, expected]) => {
    const event = pick({ ...run, events: run.events.filter(({ isCompat }) => !isCompat) }, type, -1);
    expect(see(event, 'evt.type')).toBe(type);
    expectResult(event, `x64 ${type}`);
    expectParameters(event, expected);
  });

  it('prctl that gives a name has it', () => {
    const named = pick(run, 'prctl', 0);
    expectParameters(named, { res: '0', option: 'PR_SET_NAME', arg2_str: 'lanner-calls' });
    expect(named.comm).toBe('lanner-calls');
  });

  it.for(['fork', 'vfork'])('%s has its child', (type) => {
    expect(decodeFork(pick(run, type)).pid).toBe(results.get(`x64 ${type}`));
  });
});

describe('through the 32-bit entry', () => {
  it.for(throughI386)('%s', ([name, type, expected]) => {
    const event = pick({ ...run, events: run.events.filter(({ isCompat }) => isCompat) }, type);
    expectResult(event, `i386 ${name}`);
    expectParameters(event, expected);
  });
});

describe('through the 32-bit entry with arguments of its own', () => {
  it.for(rearranged)('%s', ([name, type, index, given]) => {
    const event = pick({ ...run, events: run.events.filter(({ isCompat }) => isCompat) }, type, index);
    expectResult(event, `i386 ${name}`);
    // A sign is read where an argument has one.
    const signed = (at: number, value: bigint) =>
      value < 0n ? BigInt.asIntN(64, event.argument(at)) : event.argument(at);
    expect(given.map((value, at) => value && signed(at, value))).toEqual(given);
  });
});

describe('through the x32 entry', () => {
  it.for(throughX32)('%s', ([type, expected]) => {
    const event = pick(run, type);
    expect(event.isCompat).toBe(false);
    expectResult(event, `x32 ${type}`);
    expectParameters(event, expected);
  });
});
