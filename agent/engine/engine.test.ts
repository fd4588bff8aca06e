import { describe, expect, it, vi } from 'vitest';
import { fieldCatalogue } from '#rules/fields';
import { compileRuleSet } from '#rules/language/compile';
import { loadRules } from '#rules/language/load';
import type { Event } from '../events/event.ts';
import { recordFlags } from '../events/layout.ts';
import { writeRecord } from '../events/write-record.ts';
import { bindField } from '../fields/bind.ts';
import type { Scene } from '../fields/scene.ts';
import { Cgroups } from '../state/cgroups.ts';
import type { CgroupContainer } from '../state/containers/cgroup.ts';
import { type Container, makeDetails } from '../state/containers/container.ts';
import { makeMadeFinder } from '../state/made-groups.ts';
import { ProcessTable } from '../state/process-table.ts';
import { Engine } from './engine.ts';
import { sampleSurroundings } from './sample.ts';

const second = 1_000_000_000;
const id = 'ab'.repeat(32);

function execOf(
  name: string,
  { pid = 10, cgroup = 5, path = '/', ppid = 1, timeNs = 10 * second, uid = 0 } = {},
): Event {
  // Start times of this test's processes are their pids, in seconds.
  const starts = { start_ns: pid * second, parent_start_ns: ppid * second };
  const numbers = { pid, tid: pid, ppid, ...starts, time_ns: timeNs, cgroup, uid };
  return writeRecord('exec', 'execve', { numbers, texts: { comm: name, argv: `/bin/${name}\0`, cgroup_path: path } });
}

const details = makeDetails({
  name: 'web',
  image: 'app:1',
  repository: 'app',
  tag: '1',
  privileged: false,
  mounts: [],
});

function compileRule(name: string, condition: string) {
  const yaml = `- rule: ${name}\n  desc: d\n  condition: ${condition}\n  output: "%proc.name %proc.pname %container.name"\n  priority: INFO\n`;
  const loaded = loadRules([{ path: 'r.yaml', text: yaml }], { fields: fieldCatalogue });
  return compileRuleSet<Scene>(loaded.ruleSet, bindField, { matching: 'first' });
}

/** An engine with one container, whose state the test decides. */
function setUp(status: Container['status'], condition = 'evt.type=execve') {
  const processes = new ProcessTable(() => undefined);
  const texts: string[] = [];
  const parts: unknown[] = [];
  const world = { nowMs: 0, container: status, isAsking: false };
  const containerOf = (named: CgroupContainer): Container => ({
    ...named,
    status: world.container,
    details: world.container === 'known' ? details : undefined,
  });
  const see = vi.fn(containerOf);
  const expected: string[] = [];
  const engine = new Engine({
    rules: compileRule('R', condition),
    processes,
    look: { cwd: () => undefined, capabilities: () => undefined, groups: () => undefined },
    cgroups: new Cgroups({ locate: () => undefined }),
    see,
    expect: (named) => expected.push(named.id),
    madeBy: makeMadeFinder(['/sys/fs/cgroup/memory'], []),
    around: sampleSurroundings(processes),
    fired: ({ rule, scene, part }) => {
      texts.push(rule.format(scene));
      parts.push(part);
    },
    isAskingUsers: ({ uid }) => world.isAsking && uid !== 0,
    nowMs: () => world.nowMs,
    waitMs: 500,
  });
  const answer = () => {
    world.container = 'known';
    engine.settle({ id, engine: 'docker', status: 'known', details });
  };
  return { engine, texts, parts, world, see, expected, processes, answer };
}

const inside = { cgroup: 9, path: `/docker/${id}` };

describe('the engine', () => {
  it('knows a program by its exec and its parent by the fork before', () => {
    const { engine, texts } = setUp('known');
    engine.handle(execOf('bash', { pid: 10 }));
    const fork = { pid: 10, tid: 10, start_ns: 10 * second, child_pid: 20, child_tid: 20, child_ppid: 10 };
    engine.handle(writeRecord('fork', 'clone', { numbers: { ...fork, child_start_ns: 20 * second, cgroup: 5 } }));
    engine.handle(execOf('ls', { pid: 20, ppid: 10 }));
    expect(texts).toEqual(['bash <NA> host', 'ls bash host']);
  });

  it('counts what fires the rules that are in use', () => {
    const { engine } = setUp('known');
    engine.handle(execOf('ls'));
    engine.use(compileRule('R', 'evt.type=execve and proc.name=ls'));
    engine.handle(execOf('ls'));
    expect([...engine.matches]).toEqual([['R', 2]]);
    engine.use(compileRule('Other', 'evt.type=execve'));
    expect([...engine.matches]).toEqual([]);
    engine.handle(execOf('ls'));
    expect([...engine.matches]).toEqual([['Other', 1]]);
  });

  it('finds the parent by its start time, not by its pid alone', () => {
    const { engine, texts } = setUp('known');
    engine.handle(execOf('bash', { pid: 10 }));
    const numbers = { pid: 20, tid: 20, ppid: 10, start_ns: 20 * second, cgroup: 5 };
    const ls = (parentStartNs: number) =>
      writeRecord('exec', 'execve', {
        numbers: { ...numbers, parent_start_ns: parentStartNs },
        texts: { comm: 'ls', argv: 'ls\0' },
      });
    engine.handle(ls(10 * second));
    engine.handle(ls(15 * second));
    expect(texts).toEqual(['bash <NA> host', 'ls bash host', 'ls <NA> host']);
  });

  it('expects a container whose group an engine makes, not one that a container makes up', () => {
    const { engine, expected } = setUp('known');
    const made = (digit: string, cgroup: number) => {
      const path = `/sys/fs/cgroup/memory/docker/${digit.repeat(64)}`;
      return writeRecord('file', 'mkdirat', { numbers: { pid: 10, start_ns: 10 * second, cgroup }, texts: { path } });
    };
    engine.handle(execOf('runc', { pid: 10 }));
    engine.handle(made('c', 5));
    engine.handle(execOf('sh', { pid: 10, ...inside }));
    engine.handle(made('d', inside.cgroup));
    expect(expected).toEqual(['c'.repeat(64)]);
  });

  it('asks for a container at its first exec, also when no rule is for it', () => {
    const { engine, texts, see } = setUp('waiting', 'evt.type=connect');
    engine.handle(execOf('sh', inside));
    expect(see).toHaveBeenCalledWith({ id, engine: 'docker' });
    expect(texts).toEqual([]);
  });

  it('lets the events of an unknown container wait, in order, and others pass', () => {
    const { engine, texts, answer, parts } = setUp('waiting');
    engine.handle(execOf('sh', { ...inside, pid: 10 }));
    engine.handle(execOf('ls', { ...inside, pid: 11 }));
    engine.handle(execOf('cat', { pid: 12 }));
    expect(texts).toEqual(['cat <NA> host']);
    expect(engine.waiting).toBe(2);
    answer();
    expect(texts.slice(1)).toEqual(['sh <NA> web', 'ls <NA> web']);
    expect(parts[1]).toMatchObject({
      container: { id, engine: 'docker' },
      process: { pid: 10, start_ns: '10000000000' },
    });
    expect(parts[1]).not.toHaveProperty('enrichment');
    engine.handle(execOf('ps', { ...inside, pid: 13 }));
    expect(texts.at(-1)).toBe('ps <NA> web');
  });

  it('keeps the program that made an event while it waits', () => {
    const { engine, texts, answer } = setUp('waiting');
    engine.handle(execOf('sh', { ...inside, pid: 10 }));
    engine.handle(execOf('ls', { ...inside, pid: 10 }));
    answer();
    expect(texts).toEqual(['sh <NA> web', 'ls <NA> web']);
  });

  it('goes on after half a second, says so, and waits no second time', () => {
    const { engine, texts, world, parts } = setUp('waiting');
    engine.handle(execOf('sh', inside));
    world.nowMs = 499;
    expect(engine.tick(world.nowMs)).toBe(1);
    world.nowMs = 500;
    expect(engine.tick(world.nowMs)).toBe(0);
    engine.handle(execOf('ls', inside));
    expect(texts).toEqual(['sh <NA> <NA>', 'ls <NA> <NA>']);
    expect(parts[1]).toMatchObject({ enrichment: 'pending' });
    expect(engine.counters).toMatchObject({ waited: 1, pending: 2, matched: 2 });
    expect(engine.losses.counts()).toEqual({ container_wait_over: { execve: 2 } });
  });

  it('bounds how many wait', () => {
    const { engine, texts } = setUp('waiting');
    for (let pid = 101; pid <= 5_100; pid++) engine.handle(execOf(`p${pid}`, { ...inside, pid }));
    expect(engine.waiting).toBeLessThanOrEqual(4_096);
    expect(texts.slice(0, 3)).toEqual(['p101 <NA> <NA>', 'p102 <NA> <NA>', 'p103 <NA> <NA>']);
    engine.tick(500);
    expect(texts).toHaveLength(5_000);
    expect(texts.at(-1)).toBe('p5100 <NA> <NA>');
    expect(engine.losses.counts()).toEqual({
      container_wait_full: { execve: 4_097 },
      container_wait_over: { execve: 903 },
    });
  });

  it('does not wait for an engine that is not there', () => {
    const { engine, texts, parts } = setUp('unknown');
    engine.handle(execOf('sh', inside));
    expect(texts).toEqual(['sh <NA> <NA>']);
    expect(parts[0]).not.toHaveProperty('enrichment');
  });

  it('says so when an engine is there and does not answer', () => {
    const { engine, texts, parts } = setUp('silent');
    engine.handle(execOf('sh', inside));
    expect(texts).toEqual(['sh <NA> <NA>']);
    expect(parts[0]).toMatchObject({ enrichment: 'pending' });
    expect(engine.losses.counts()).toEqual({ container_engine_silent: { execve: 1 } });
  });

  it('counts by type what a record lacks, and records that it cannot read', () => {
    const { engine } = setUp('known', 'evt.type=openat');
    engine.handle(execOf('sh', { pid: 10 }));
    const known = { pid: 10, tid: 10, start_ns: 10 * second, ppid: 1 };
    const open = (flags: number, more = {}) =>
      engine.handle(writeRecord('file', 'openat', { numbers: { ...known, flags, ...more } }));
    open(0);
    open(recordFlags.textCut | recordFlags.textUnread);
    open(recordFlags.textUnread, { ret: -14 });
    open(recordFlags.uring | recordFlags.noResult);
    open(0, { pid: 77, tid: 77 });
    open(0, { kind: 99 });
    expect(engine.losses.counts()).toEqual({
      text_cut: { openat: 1 },
      text_unread: { openat: 1 },
      result_unknown: { openat: 1 },
      process_unknown: { openat: 1 },
      unknown_record: { unknown: 1 },
    });
  });

  it('finds the container of an event by the number of its group', () => {
    const { engine, texts } = setUp('known', 'evt.type=openat');
    engine.handle(execOf('sh', { ...inside, pid: 10 }));
    // A process of the host that moved into the group without starting a program.
    engine.handle(execOf('runc', { pid: 11 }));
    const numbers = { pid: 11, tid: 11, start_ns: 11 * second, ppid: 1, cgroup: 9 };
    engine.handle(writeRecord('file', 'openat', { numbers, texts: { comm: 'runc' } }));
    expect(texts).toEqual(['runc <NA> web']);
  });
});

describe('events of users without a name', () => {
  it('wait for the answer, in order for each user; others, and those in containers, pass', () => {
    const { engine, texts, world, parts } = setUp('known');
    world.isAsking = true;
    engine.handle(execOf('sh', { pid: 10, uid: 7 }));
    engine.handle(execOf('ls', { pid: 11, uid: 7 }));
    engine.handle(execOf('cat', { pid: 12, uid: 8 }));
    engine.handle(execOf('ps', { pid: 13 }));
    engine.handle(execOf('top', { ...inside, pid: 14, uid: 7 }));
    expect(texts).toEqual(['ps <NA> host', 'top <NA> web']);
    expect(engine.waiting).toBe(3);
    engine.settleUsers(); // Of somebody else.
    expect(engine.waiting).toBe(3);
    world.isAsking = false;
    engine.settleUsers();
    expect(texts.slice(2)).toEqual(['sh <NA> host', 'ls <NA> host', 'cat <NA> host']);
    expect(parts.filter((part) => Object.hasOwn(Object(part), 'enrichment'))).toEqual([]);
    expect(engine.counters).toMatchObject({ waited: 3, pending: 0 });
    expect(engine.losses.counts()).toEqual({});
  });

  it('go on after half a second without it, and say so', () => {
    const { engine, texts, world, parts } = setUp('known');
    world.isAsking = true;
    engine.handle(execOf('sh', { pid: 10, uid: 7 }));
    world.nowMs = 500;
    expect(engine.tick(world.nowMs)).toBe(0);
    engine.handle(execOf('ls', { pid: 11, uid: 7 }));
    expect(texts).toEqual(['sh <NA> host', 'ls <NA> host']);
    expect(parts).toMatchObject([{ enrichment: 'pending' }, { enrichment: 'pending' }]);
    expect(engine.losses.counts()).toEqual({ user_wait_over: { execve: 2 } });
  });
});
