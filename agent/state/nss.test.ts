import { describe, expect, it, vi } from 'vitest';
import { NssUsers } from './nss.ts';

/** Answers are given by the test; two users are in the files. */
function setUp() {
  const world = { nowMs: 0, answered: 0 };
  const questions: { readonly text: string; answer(lines: string): void; fail(): void }[] = [];
  const users = new NssUsers({
    files: {
      user: (uid) => (uid === 0 ? { name: 'root', home: '/root', shell: '/bin/sh' } : undefined),
      groupName: (gid) => (gid === 0 ? 'root' : undefined),
    },
    ask(database, ids) {
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      const text = `${database} ${ids.join(' ')}`;
      questions.push({ text, answer: resolve, fail: () => reject(new Error('no server')) });
      return promise;
    },
    nowMs: () => world.nowMs,
    answered: () => world.answered++,
  });
  /** The question that is under way, once it is asked. */
  const next = (count: number) =>
    vi.waitFor(() => {
      const question = questions[count - 1];
      if (question === undefined) throw new Error('nothing is asked');
      return question;
    });
  const settled = (count: number) => vi.waitFor(() => expect(world.answered).toBe(count));
  return { users, world, questions, next, settled };
}

const identity = (uid: number, gid = 0) => ({ uid, gid, loginUid: 0xffff_ffff });

describe('users and groups of NSS', () => {
  it('are asked for together, when the files have them not, and known from the answer on', async () => {
    const { users, questions, next, settled } = setUp();
    expect(users.isAsking(identity(0))).toBe(false);
    expect(users.user(5)).toBeUndefined();
    expect(users.isAsking(identity(6))).toBe(true);
    expect(users.user(5)).toBeUndefined();
    const question = await next(1);
    expect(question.text).toBe('passwd 5 6');
    question.answer('far:x:5:5::/home/far:/bin/zsh\n');
    await settled(1);
    expect(users.user(5)).toEqual({ name: 'far', home: '/home/far', shell: '/bin/zsh' });
    expect(users.user(6)).toBeUndefined();
    expect([5, 6].map((uid) => users.isAsking(identity(uid)))).toEqual([false, false]);
    expect(users.isAsking(identity(5, 9))).toBe(true);
    (await next(2)).answer('staff:x:9:\n');
    await settled(2);
    expect(users.groupName(9)).toBe('staff');
    expect(questions.map(({ text }) => text)).toEqual(['passwd 5 6', 'group 9']);
    expect(users.counters).toEqual({ questions: 2, failed: 0, found: 2, missing: 1, tooMany: 0 });
  });

  it('are asked for again in time, and keep their name meanwhile', async () => {
    const { users, world, questions, next, settled } = setUp();
    users.user(5);
    users.user(6);
    (await next(1)).answer('a:x:5:5::/:/bin/sh\n');
    await settled(1);
    world.nowMs = 60_000;
    expect([users.user(5)?.name, users.user(6)]).toEqual(['a', undefined]);
    expect((await next(2)).text).toBe('passwd 6');
    questions[1]?.answer('');
    await settled(2);
    world.nowMs = 300_000;
    expect(users.user(5)?.name).toBe('a');
    expect(users.isAsking(identity(5))).toBe(false);
    (await next(3)).answer('b:x:5:5::/:/bin/sh\n');
    await settled(3);
    expect(users.user(5)?.name).toBe('b');
  });

  it('keep their name for an hour while nobody answers; who has none waits no second time', async () => {
    const { users, world, next, settled } = setUp();
    users.user(5);
    (await next(1)).answer('a:x:5:5::/:/bin/sh\n');
    await settled(1);
    world.nowMs = 3_000_000;
    expect(users.user(5)?.name).toBe('a');
    (await next(2)).fail();
    await settled(2);
    expect(users.user(5)?.name).toBe('a');
    world.nowMs = 3_700_000;
    users.user(5);
    (await next(3)).fail();
    await settled(3);
    expect(users.user(5)).toBeUndefined();
    expect(users.isAsking(identity(5))).toBe(false);
    expect(users.counters.failed).toBe(2);
  });

  it('are bounded: numbers that are asked for, and those that are known', async () => {
    const { users, questions, next, settled } = setUp();
    for (let uid = 1; uid <= 2_000; uid++) users.user(uid);
    expect(users.counters.tooMany).toBe(976);
    expect(users.isAsking(identity(2_000))).toBe(false);
    for (let count = 1; count <= 16; count++) (await next(count)).answer('');
    await settled(16);
    expect(questions.every(({ text }) => text.split(' ').length === 65)).toBe(true);
  });

  it('no user (-1) is not asked for', async () => {
    const { users, questions } = setUp();
    expect(users.isAsking(identity(0xffff_ffff))).toBe(false);
    await Promise.resolve();
    expect(questions).toEqual([]);
  });
});
