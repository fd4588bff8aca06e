import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { receiptSchema } from '#playbooks/command';
import { openJournal as open } from './journal.ts';

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lanner-journal-'));
  path = join(folder, 'receipts');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const receiptOf = (command: string) =>
  receiptSchema.parse({
    version: 1,
    kind: 'receipt',
    command,
    outcome: 'done',
    detail: 'killed',
    started_ms: 1,
    finished_ms: 2,
  });

const unusable = vi.fn();
const openJournal = (at: string) => open(at, unusable);

describe('journal of receipts', () => {
  it('remembers on a disk that takes nothing, says so, and writes everything once it takes something', () => {
    const journal = openJournal(join(folder, 'later/receipts'));
    expect(unusable).toHaveBeenCalledWith(expect.stringContaining('ENOENT'));
    expect(() => journal.add(receiptOf('a'))).toThrow('ENOENT');
    expect(journal.find('a')).toEqual(receiptOf('a'));
    mkdirSync(join(folder, 'later'));
    journal.add(receiptOf('b'));
    journal.close();
    const again = openJournal(join(folder, 'later/receipts'));
    expect(again.unacknowledged().map(({ command }) => command)).toEqual(['a', 'b']);
    again.close();
  });

  it('answers a repeat after the agent was restarted', () => {
    const first = openJournal(path);
    first.add(receiptOf('a'));
    first.close();
    const second = openJournal(path);
    expect(second.find('a')).toEqual(receiptOf('a'));
    expect(second.find('b')).toBeUndefined();
    second.close();
  });

  it('sends again only what the router has not acknowledged, also after a restart', () => {
    const first = openJournal(path);
    for (const command of ['a', 'b', 'c']) first.add(receiptOf(command));
    first.acknowledge('b');
    expect(first.unacknowledged().map(({ command }) => command)).toEqual(['a', 'c']);
    first.close();
    const second = openJournal(path);
    expect(second.unacknowledged().map(({ command }) => command)).toEqual(['a', 'c']);
    expect(second.find('b')).toEqual(receiptOf('b'));
    second.close();
    const third = openJournal(path);
    expect(third.unacknowledged().map(({ command }) => command)).toEqual(['a', 'c']);
    third.close();
  });

  it('reads past a line that was cut off', () => {
    const first = openJournal(path);
    first.add(receiptOf('a'));
    first.close();
    appendFileSync(path, '{"version":1,"kind":"rec');
    const second = openJournal(path);
    expect(second.find('a')).toEqual(receiptOf('a'));
    second.add(receiptOf('b'));
    second.close();
    const third = openJournal(path);
    expect(third.find('b')).toEqual(receiptOf('b'));
    third.close();
  });

  it('forgets the oldest beyond its bound, in memory and on disk', () => {
    const journal = openJournal(path);
    for (let number = 0; number < 7_000; number++) journal.add(receiptOf(`c${number}`));
    expect(journal.find('c4999')).toBeUndefined();
    expect(journal.find('c5000')).toBeDefined();
    expect(journal.unacknowledged()).toHaveLength(2_000);
    journal.close();
    const lines = readFileSync(path, 'utf8').trim().split('\n').length;
    expect(lines).toBeLessThanOrEqual(6_000);
    const again = openJournal(path);
    expect(again.find('c6999')).toBeDefined();
    expect(again.unacknowledged()).toHaveLength(2_000);
    again.close();
  });
});
