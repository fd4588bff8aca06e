import { afterAll, beforeAll, expect, test } from 'vitest';
import { decodeExec, file } from '../../agent/events/decode.ts';
import type { Event } from '../../agent/events/event.ts';
import { mountOf, readCgroupMounts } from '../../agent/respond/cgroup.ts';
import { makeLocate } from '../../agent/state/proc-folder.ts';
import { docker, image, inspect, remove } from '../support/docker.ts';
import { eventually } from '../support/eventually.ts';
import { Recorder } from './recorder.ts';

let container = '';
let recorder: Recorder;

beforeAll(async () => {
  recorder = new Recorder(['open', 'openat']);
  container = await docker('run', '-d', '--network', 'none', image, '/bin/busybox', 'sleep', '600');
});

afterAll(async () => {
  recorder?.close();
  if (container !== '') await remove(container);
});

function find(what: string, is: (event: Event) => boolean): Promise<Event> {
  return eventually(what, () => recorder.events.find(is));
}

test('the program of a container is seen as the container sees it, with its cgroup', async () => {
  const { pid } = await inspect(container);
  const event = await find('its exec', (each) => each.pid === pid && each.kind === 'exec' && each.comm === 'busybox');
  const exec = decodeExec(event);
  expect(event.vpid).toBe(1);
  expect(exec).toMatchObject({
    exePath: '/bin/busybox',
    argv: ['/bin/busybox', 'sleep', '600'],
    cwd: '/',
    upperLayer: false,
  });
  expect(exec.cgroup).toContain(container);
});

test('a program that was put into the running container lies in the upper layer', async () => {
  await docker('exec', container, '/bin/busybox', 'cp', '/bin/busybox', '/true');
  await docker('exec', '-w', '/proc', container, '/true');
  const event = await find('the exec', (each) => each.kind === 'exec' && each.comm === 'true');
  expect(decodeExec(event)).toMatchObject({ exePath: '/true', cwd: '/proc', upperLayer: true });
});

test('a terminal is named by its device, and paths are the container’s', async () => {
  await docker('exec', '-t', '-w', '/etc', container, '/bin/busybox', 'cat', 'hostname');
  const exec = await find(
    'the exec',
    (each) => each.comm === 'busybox' && each.kind === 'exec' && decodeExec(each).argv.includes('hostname'),
  );
  expect(decodeExec(exec).tty >>> 8).toBe(136); // Unix98 pseudo terminals (devices.txt)
  const opened = await find(
    'the open',
    (each) => each.pid === exec.pid && each.kind === 'file' && file.path(each) === 'hostname',
  );
  expect(file.absolute(opened)).toBe('/etc/hostname');
  expect(opened.cgroupId).toBe(exec.cgroupId);
});

test('the number of a group leads to its path, in whichever hierarchy it is', async () => {
  const mounts = readCgroupMounts();
  const locate = makeLocate((hierarchy) => mountOf(mounts, hierarchy));
  const { pid } = await inspect(container);
  const event = await find('its exec', (each) => each.pid === pid && each.kind === 'exec' && each.comm === 'busybox');
  expect(locate(pid, event.cgroupId)).toEqual({ path: decodeExec(event).cgroup, certain: true });
});
