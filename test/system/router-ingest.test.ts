import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { eventually } from '../support/eventually.ts';
import { makePlace, type Place, type RouterProcess, startRouterAt } from '../support/router.ts';

/** Something to do for every alert, so that a lost alert is a run that is missing. */
const playbook = `playbook: note
on: { rules: ["*"] }
steps:
  - { id: write, uses: log, with: { file: FILE } }
`;

const runsSchema = z.object({ runs: z.array(z.looseObject({ id: z.string(), alert: z.string(), state: z.string() })) });
/** What the worker of a router performs at the same time. */
const RUNS_AT_ONCE = 32;

const answerSchema = z.object({
  accepted: z.number(),
  duplicates: z.number(),
  runs: z.number(),
  ids: z.array(z.string()),
});

const actSchema = z.looseObject({ alert_id: z.string() });

let place: Place;
let router: RouterProcess;

const alertOf = (output: string) => ({ time: '2026-11-23T14:00:00Z', rule: 'Shell', priority: 'Notice', output });
const start = async () => {
  router = await startRouterAt(place, ['--enforce', '--playbooks', join(place.dataFolder, 'note.yaml')]);
};
const runs = async () => runsSchema.parse(await (await place.get('/api/runs?limit=1000')).json()).runs;
const ended = async () => (await runs()).filter(({ state }) => state === 'done');
const redisPid = (): number => Number(readFileSync(join(place.dataFolder, 'redis/redis.pid'), 'utf8'));
/** The ids of the alerts for which the playbook has acted, in the order of its acts. */
const acts = (): readonly string[] =>
  readFileSync(join(place.dataFolder, 'out.jsonl'), 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => actSchema.parse(JSON.parse(line)).alert_id);

beforeEach(async () => {
  place = await makePlace();
  writeFileSync(join(place.dataFolder, 'note.yaml'), playbook.replace('FILE', join(place.dataFolder, 'out.jsonl')));
  await start();
});

afterEach(async () => {
  await router.end();
  place.remove();
});

describe('POST /api/alerts', () => {
  it('takes an alert once, however often and in whichever form it comes', async () => {
    const [one, two] = [alertOf('one'), alertOf('two')];
    const first = answerSchema.parse(await (await place.post(one)).json());
    expect(first).toMatchObject({ accepted: 1, duplicates: 0, runs: 1 });
    const again = answerSchema.parse(await (await place.post([one, two, one, two])).json());
    expect(again).toMatchObject({ accepted: 4, duplicates: 3 });
    expect(again.ids[0]).toBe(first.ids[0]);
    const lines = answerSchema.parse(
      await (await place.post(`${JSON.stringify(one)}\n${JSON.stringify(two)}\n`)).json(),
    );
    expect(lines).toMatchObject({ accepted: 2, duplicates: 2, runs: 0 });
    await eventually('two runs', async () => ((await ended()).length === 2 ? true : undefined));
    expect(acts()).toHaveLength(2);
  });

  it('keeps all digits of an integer, to what is shown and to what acts', async () => {
    const exact = '"output_fields":{"evt.time":1795439100123456789}';
    await place.post(JSON.stringify(alertOf('late')).replace(/}$/, `,${exact}}`));
    await eventually('a run', async () => ((await ended()).length === 1 ? true : undefined));
    expect(await (await place.get('/api/alerts')).text()).toContain(exact);
    expect(readFileSync(join(place.dataFolder, 'out.jsonl'), 'utf8')).toContain(exact);
  });

  it.for(['a declared', 'no declared'])('answers 413 to more than 4 MiB of %s length', async (how) => {
    const bytes = new TextEncoder().encode(
      JSON.stringify(alertOf('x'.repeat(200_000)))
        .concat('\n')
        .repeat(22),
    );
    // A stream has no length beforehand: it is sent in chunks.
    const body = how === 'a declared' ? bytes : new Blob([bytes]).stream();
    const answer = await fetch(`${place.url}/api/alerts`, {
      method: 'POST',
      headers: place.headers(),
      body,
      duplex: 'half',
    });
    expect(answer.status).toBe(413);
    expect((await place.post(alertOf('next'))).status).toBe(202);
  });

  it('takes alerts whose length is not declared', async () => {
    const body = new Blob([JSON.stringify([alertOf('one'), alertOf('two')])]).stream();
    const answer = await fetch(`${place.url}/api/alerts`, {
      method: 'POST',
      headers: place.headers(),
      body,
      duplex: 'half',
    });
    expect(await answer.json()).toMatchObject({ accepted: 2 });
  });

  it('goes on when nobody reads what the router says', async () => {
    router.stopReading();
    const seen = new Set<string>();
    for (const output of ['one', 'two', 'three']) {
      expect((await place.post(alertOf(output))).status).toBe(202);
      await eventually(
        `the run of ${output}`,
        async () => (await ended()).some(({ id }) => !seen.has(id)) || undefined,
      );
      for (const { id } of await ended()) seen.add(id);
    }
  });

  it('knows repeats again after a restart', async () => {
    await place.post(alertOf('one'));
    await router.end();
    await start();
    expect(answerSchema.parse(await (await place.post(alertOf('one'))).json())).toMatchObject({
      duplicates: 1,
      runs: 0,
    });
  });

  it('answers 503 while Redis is away, never 202, and goes on when it is back', async () => {
    // Stopped: it takes no connection's word, but its process is there, so nobody starts another for some seconds.
    const pid = redisPid();
    process.kill(pid, 'SIGSTOP');
    const begunMs = performance.now();
    const answer = await place.post(alertOf('while away'));
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('2');
    expect(performance.now() - begunMs).toBeLessThan(6_000);
    expect((await fetch(`${place.url}/readyz`)).status).toBe(503);
    expect((await fetch(`${place.url}/healthz`)).status).toBe(200);
    process.kill(pid, 'SIGCONT');
    await eventually('202', async () => ((await place.post(alertOf('while away'))).status === 202 ? true : undefined));
    await eventually('the run', async () => ((await ended()).length > 0 ? true : undefined));
    expect(acts()).toHaveLength(1);
  });
});

describe('a router that is killed with kill -9', () => {
  it('has acted on every alert that it answered with 202 when the next one has come', {
    timeout: 120_000,
  }, async () => {
    const accepted = new Set<string>();
    let isSending = true;
    const send = async (sender: number): Promise<void> => {
      for (let count = 0; isSending; count++) {
        const answer = await place
          .post([alertOf(`${sender} ${count} a`), alertOf(`${sender} ${count} b`)])
          .catch(() => undefined);
        if (answer?.status === 202) for (const id of answerSchema.parse(await answer.json()).ids) accepted.add(id);
        else await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    const senders = [send(1), send(2), send(3)];
    for (const target of ['router', 'router', 'both'] as const) {
      const before = accepted.size;
      await eventually('alerts to be taken', () => (accepted.size > before + 40 ? true : undefined), 20_000);
      if (target === 'both') process.kill(redisPid(), 'SIGKILL');
      await router.end('SIGKILL');
      await start();
    }
    isSending = false;
    await Promise.all(senders);
    expect(accepted.size).toBeGreaterThan(120);
    await eventually(
      'every accepted alert to be acted on',
      () => {
        const acted = new Set(acts());
        return [...accepted].every((id) => acted.has(id)) || undefined;
      },
      60_000,
    );
    // Lines that were being written when a worker died come twice: the action says that it is safe to repeat.
    const repeats = acts().length - new Set(acts()).size;
    expect(repeats).toBeLessThanOrEqual(3 * RUNS_AT_ONCE);
  });
});
