import { describe, expect, it } from 'vitest';
import { Cgroups } from './cgroups.ts';

const id = 'a1b2c3d4'.repeat(8);
const nowhere = () => undefined;

describe('cgroups by number', () => {
  it('knows a group from the exec that named it', () => {
    const groups = new Cgroups({ locate: nowhere });
    groups.learn(7, `/docker/${id}`);
    groups.learn(8, '/system.slice/ssh.service');
    expect(groups.containerOf(7, 1, undefined)).toEqual({ id, engine: 'docker' });
    expect(groups.containerOf(8, 1, `/docker/${id}`)).toBeUndefined();
  });

  it('asks where the process is now, once', () => {
    let asked = 0;
    const locate = () => ({ path: `/docker/${id}`, certain: asked++ >= 0 });
    const groups = new Cgroups({ locate });
    groups.containerOf(7, 1, undefined);
    expect(groups.containerOf(7, 1, undefined)?.id).toBe(id);
    expect(asked).toBe(1);
  });

  it('keeps no path that may be another group’s', () => {
    let path = `/docker/${id}`;
    const groups = new Cgroups({ locate: () => ({ path, certain: false }) });
    expect(groups.containerOf(7, 1, undefined)?.id).toBe(id);
    path = '/';
    expect(groups.containerOf(7, 2, undefined)).toBeUndefined();
  });

  it('takes the last known path of a process that is gone', () => {
    expect(new Cgroups({ locate: nowhere }).containerOf(7, 1, `/docker/${id}`)?.id).toBe(id);
    expect(new Cgroups({ locate: nowhere }).containerOf(7, 1, undefined)).toBeUndefined();
  });

  it('asks containerd about names of its own', () => {
    const groups = new Cgroups({ locate: nowhere, isContainerdTask: (_, name) => name === 'web' });
    expect(groups.learn(1, '/default/web')).toMatchObject({ id: 'web', namespace: 'default' });
    expect(groups.learn(2, '/default/other')).toBeUndefined();
  });

  it('asks about a group once, until its number is another group’s', () => {
    const asked: string[] = [];
    const groups = new Cgroups({ locate: nowhere, isContainerdTask: (_, name) => asked.push(name) > 0 });
    for (const path of ['/default/web', '/default/web', '/default/other']) groups.learn(1, path);
    expect(asked).toEqual(['web', 'other']);
    expect(groups.containerOf(1, 5, undefined)?.id).toBe('other');
  });

  it('knows a task whose folder was gone before anybody looked', () => {
    const groups = new Cgroups({ locate: nowhere, isContainerdTask: () => false });
    groups.noteTask('default', 'web');
    expect(groups.learn(1, '/default/web')).toMatchObject({ id: 'web', namespace: 'default', engine: 'containerd' });
    expect(groups.learn(2, '/other/web')).toBeUndefined();
  });

  it('forgets the oldest of too many tasks', () => {
    const groups = new Cgroups({ locate: nowhere });
    for (let task = 0; task <= 4_096; task++) groups.noteTask('default', `t${task}`);
    expect([groups.learn(1, '/default/t0'), groups.learn(2, '/default/t1')?.id]).toEqual([undefined, 't1']);
  });
});
