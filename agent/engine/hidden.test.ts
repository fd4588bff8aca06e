import { describe, expect, it } from 'vitest';
import { recordFlags } from '../events/layout.ts';
import { writeRecord } from '../events/write-record.ts';
import { HiddenCalls, isUnread } from './hidden.ts';

const unread = recordFlags.uring | recordFlags.noResult;
const call = (name: string, pid: number) =>
  writeRecord('call', name, { numbers: { flags: unread, pid }, texts: { comm: 'miner' } });

describe('calls that io_uring hides', () => {
  it('are those of which only the maker is known', () => {
    expect(isUnread(call('fsetxattr', 1))).toBe(true);
    expect(isUnread(writeRecord('call', 'fsetxattr'))).toBe(false);
    expect(isUnread(writeRecord('file', 'openat', { numbers: { flags: unread } }))).toBe(false);
  });

  it('are told at once, and then once a minute', () => {
    const hidden = new HiddenCalls();
    expect(hidden.look(0)).toBeUndefined();
    hidden.note(call('fsetxattr', 7));
    hidden.note(call('splice', 8));
    expect(hidden.look(1_000)).toEqual({
      what: 'io_uring',
      priority: 'Warning',
      message: '2 calls through io_uring could not be seen wholly; the first was fsetxattr by miner (7).',
      fields: { count: 2, 'evt.type': 'fsetxattr', 'proc.name': 'miner', 'proc.pid': 7 },
    });
    hidden.note(call('splice', 8));
    expect(hidden.look(60_999)).toBeUndefined();
    expect(hidden.look(61_000)?.fields).toMatchObject({ count: 1, 'evt.type': 'splice' });
    expect(hidden.look(200_000)).toBeUndefined();
  });
});
