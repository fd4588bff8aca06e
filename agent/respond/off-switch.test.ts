import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type OffSwitch, openOffSwitch, readStop, writeStop } from './off-switch.ts';

const stop = { since_ms: 1, reason: 'a bad rule', by: 'ann' };
let folder = '';
let opened: OffSwitch | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lanner-switch-'));
});
afterEach(() => {
  opened?.close();
  rmSync(folder, { recursive: true, force: true });
});

function open() {
  const changed = vi.fn();
  const unwritable = vi.fn();
  opened = openOffSwitch({ dataFolder: folder, changed, unwritable });
  return { opened, changed, unwritable };
}

describe('the off switch', () => {
  it('holds from the moment that the file is there, and tells of it within a second', async () => {
    const { opened, changed } = open();
    expect(opened.stop()).toBeUndefined();
    writeStop(folder, 'node', stop);
    await vi.waitFor(() => expect(changed).toHaveBeenCalledWith({ source: 'node', ...stop }), { timeout: 1_000 });
    expect(opened.stop()).toEqual({ source: 'node', ...stop });
    writeStop(folder, 'node', undefined);
    expect(opened.stop()).toBeUndefined();
  });

  it('keeps the router’s word over a restart, and the node’s own beside it', () => {
    open().opened.fromRouter(stop);
    opened?.close();
    const again = open().opened;
    expect(again.stop()).toEqual({ source: 'router', ...stop });
    writeStop(folder, 'node', { ...stop, by: 'bob' });
    again.fromRouter(undefined);
    expect(again.stop()).toMatchObject({ source: 'node', by: 'bob' });
  });

  it('takes any file for a stop', () => {
    writeFileSync(join(folder, 'responding-stopped'), '');
    expect(readStop(folder)).toMatchObject({ source: 'node', by: 'unknown' });
  });

  it('holds in memory what the disk does not take', () => {
    const { opened, unwritable } = open();
    rmSync(folder, { recursive: true });
    opened.fromRouter(stop);
    expect(unwritable).toHaveBeenCalledOnce();
    expect(opened.stop()).toEqual({ source: 'router', ...stop });
  });

  it('is off in a folder that is not there', () => expect(readStop(join(folder, 'none'))).toBeUndefined());
});
