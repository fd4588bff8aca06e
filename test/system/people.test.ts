import { createHmac, randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { eventually } from '../support/eventually.ts';
import { runLanner } from '../support/lanner.ts';
import { helloOf, type NodeEnd, openNodeEnd } from '../support/node-end.ts';
import { makePlace, type Place, type RouterProcess, startRouterAt } from '../support/router.ts';
import { type StrictServer, startStrictServer } from '../support/strict-server.ts';

const ANNA = 'anna-has-a-token-of-her-own';
const PAGERDUTY = 'a-secret-of-pagerduty';
let chat: StrictServer;
let pager: StrictServer;
let place: Place;
const mails: string[] = [];
const smtp = new SMTPServer({
  closeTimeout: 100,
  disabledCommands: ['STARTTLS', 'AUTH'],
  onData(stream, _, done) {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      mails.push(Buffer.concat(chunks).toString('latin1'));
      done();
    });
  },
});
const portOf = ({ server }: SMTPServer): number => {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
};
let router: RouterProcess;
let node: NodeEnd;

const configuration = () => `
public_url: ${place.url}
people:
  anna: { slack: U0ANNA, token: "%{secret.ANNA}" }
  eve: { token: "eve-is-in-no-group-at-all" }
groups: { soc: [anna, operator] }
silences: { by: [soc] }
hooks:
  pagerduty: { secret: "${PAGERDUTY}" }
destinations:
  first:
    page: { service: pagerduty, routing_key: first, url: "${pager.origin}" }
  second:
    page: { service: pagerduty, routing_key: second, url: "${pager.origin}" }
  third:
    page: { service: pagerduty, routing_key: third, url: "${pager.origin}" }
  mail:
    email: { smtp: "smtp://127.0.0.1:${portOf(smtp)}", from: lanner@example.com, to: soc@example.com, starttls: never }
    digest: { every: 3s, alerts: 100 }
  soc-chat:
    chat: { service: slack, url: "${chat.origin}/services/x" }
`;

const playbooks = () => `
playbook: ask-first
on: { rules: [Ask] }
steps:
  - id: kill
    uses: container.kill
    with: { container: "%container.full_id" }
    approve: { via: [soc-chat, console], by: [soc], within: 10m }
---
playbook: page
on: { rules: [Page] }
steps:
  - { id: page, uses: page, with: { via: first, ack_within: 3s, next: [second, third] } }
---
playbook: mail
on: { rules: [Mail] }
steps: [{ id: mail, uses: email, with: { via: mail } }]
---
playbook: tell
on: { rules: [Tell] }
steps:
  - { id: log, uses: log, with: { file: ${join(place.dataFolder, 'told.jsonl')} } }
`;

const begin = async () => {
  router = await startRouterAt(place, ['--enforce', '--playbooks', join(place.dataFolder, 'people.yaml')]);
  node = await openNodeEnd(place);
  node.say(helloOf('one'));
};
/** In the middle of everything: what is known afterwards is what Redis has. */
const restart = async (signal: NodeJS.Signals = 'SIGKILL') => {
  await node.close();
  await router.end(signal);
  await begin();
};
const raise = async (rule: string, output = '') => {
  const container = { id: randomUUID().replaceAll('-', '').repeat(2) };
  const lanner = { version: 1, id: randomUUID(), node: 'one', process: { pid: 4_711, start_ns: '1' }, container };
  const alert = { time: new Date().toISOString(), rule, priority: 'Critical', output, lanner };
  expect((await place.post(alert)).status).toBe(202);
  return container.id;
};
const read = async <T>(path: string, schema: z.ZodType<T>) => schema.parse(await (await place.get(path)).json());
const approvals = async () =>
  (await read('/api/approvals', z.object({ approvals: z.array(z.object({ id: z.string(), until: z.string() })) })))
    .approvals;
const say = (path: string, token: string) =>
  fetch(`${place.url}${path}`, { method: 'POST', headers: { authorization: `Bearer ${token}` }, body: '{}' });
const audited = async (kind: string) => {
  const lines = (await (await place.get('/api/audit?after=0')).text()).split('\n');
  return lines.filter((line) => line.includes(`"kind":"${kind}`));
};

beforeAll(async () => {
  chat = await startStrictServer(() => ({ status: 200, body: 'ok' }));
  pager = await startStrictServer(() => ({ status: 202, body: '{}' }));
  await new Promise<void>((resolve) => smtp.listen(0, '127.0.0.1', () => resolve()));
  place = await makePlace();
  mkdirSync(join(place.dataFolder, 'secrets'));
  writeFileSync(join(place.dataFolder, 'secrets', 'ANNA'), ANNA);
  writeFileSync(join(place.dataFolder, 'people.yaml'), playbooks());
  writeFileSync(join(place.dataFolder, 'router.yaml'), configuration());
  await begin();
});

afterAll(async () => {
  await node.close();
  await router.end();
  await chat.close();
  await pager.close();
  await new Promise<void>((resolve) => smtp.close(() => resolve()));
  place.remove();
});

describe('an approval', { timeout: 60_000 }, () => {
  it('is given by the link of a message, over the death of the router, once', async () => {
    const container = await raise('Ask');
    const message = await eventually('the chat to be asked', () => chat.seen[0], 10_000);
    const url = /"url":"([^"]+\/answer\/[^"]+)"/.exec(message.body)?.[1] ?? '';
    const [before] = await approvals();
    await restart();
    expect(await approvals()).toEqual([before]);

    const page = await (await fetch(url)).text();
    expect(page).toContain('May ask-first perform kill?');
    const confirm = /name="confirm" value="([^"]+)"/.exec(page)?.[1] ?? '';
    const answer = (token: string) =>
      fetch(url, { method: 'POST', body: new URLSearchParams({ answer: 'approve', confirm, token }) });
    expect((await answer('eve-is-in-no-group-at-all')).status).toBe(403);
    expect(node.commands).toEqual([]);
    expect((await answer(ANNA)).status).toBe(200);
    const command = await eventually('the command to kill', () => node.commands[0], 10_000);
    expect(command).toMatchObject({ action: 'container.kill', params: { container } });
    node.answer(command);
    expect((await answer(ANNA)).status).toBe(409);
    expect(await approvals()).toEqual([]);
    expect(chat.seen).toHaveLength(1);

    const entries = await audited('approval_answered');
    expect(entries.map((line) => JSON.parse(line))).toMatchObject([
      { verdict: 'approved', by: 'anna', way: 'soc-chat' },
    ]);
    expect(await audited('approval_refused')).toHaveLength(1);
    // Neither links nor tokens lie anywhere, nor in what Redis has written.
    const files = readdirSync(join(place.dataFolder, 'redis'), { recursive: true, withFileTypes: true });
    const written = files
      .filter((one) => one.isFile())
      .map((one) => readFileSync(join(one.parentPath, one.name), 'latin1'));
    expect(written.join('')).toContain('ask-first');
    const told = [await (await place.get('/api/runs?limit=10')).text(), ...(await audited('')), ...router.lines];
    const kept = [...told, ...written].join('\n');
    for (const secret of [ANNA, url.split('/answer/')[1] ?? '', confirm]) expect(kept).not.toContain(secret);
  });

  it('is refused by the command line, with the token of a person', async () => {
    await raise('Ask');
    const [{ id } = { id: '' }] = await eventually('the question', async () => {
      const found = await approvals();
      return found.length > 0 ? found : undefined;
    });
    expect((await say(`/api/approvals/${id}/deny`, 'eve-is-in-no-group-at-all')).status).toBe(403);
    const where = ['--router', place.url, '--data', place.dataFolder];
    expect((await runLanner('approvals', ...where)).stdout).toContain(`${id} ask-first/kill: container.kill`);
    writeFileSync(join(place.dataFolder, 'anna.token'), ANNA);
    const denied = await runLanner('deny', id, ...where, '--token-file', join(place.dataFolder, 'anna.token'));
    expect([denied.code, denied.stdout]).toEqual([0, 'anna has denied it (console)\n']);
    const runs = z.object({
      runs: z.array(z.object({ state: z.string(), steps: z.array(z.looseObject({ detail: z.string() })) })),
    });
    const ended = await eventually('the run to end', async () => {
      const [run] = (await read('/api/runs?limit=1', runs)).runs;
      return run?.state === 'failed' ? run : undefined;
    });
    expect(ended.steps[0]?.detail).toBe('anna denied it (console)');
    expect((await runLanner('approve', id, ...where)).code).toBe(1);
    // Their tokens are for looking and answering, not for everything.
    expect((await say('/api/playbooks/ask-first/resume', ANNA)).status).toBe(403);
    expect(readFileSync(join(place.dataFolder, 'token'), 'utf8')).not.toContain(ANNA);
  });
});

describe('a page', { timeout: 60_000 }, () => {
  const eventSchema = z.object({ routing_key: z.string(), event_action: z.string(), dedup_key: z.string() });
  const heard = () => pager.seen.map(({ body }) => eventSchema.parse(JSON.parse(body)));
  const said = () => heard().map(({ routing_key, event_action }) => `${routing_key} ${event_action}`);
  const hook = (type: string, key: string) => {
    const data = { id: 'P1', type: 'incident', incident_key: key };
    const event = { event_type: type, occurred_at: new Date().toISOString(), agent: { summary: 'Anna' }, data };
    const body = JSON.stringify({ event });
    const signature = `v1=${createHmac('sha256', PAGERDUTY).update(body).digest('hex')}`;
    return fetch(`${place.url}/hooks/pagerduty`, {
      method: 'POST',
      body,
      headers: { 'x-pagerduty-signature': signature },
    });
  };

  it('goes on over the death of the router, until it is acknowledged in the pager, and is resolved there', async () => {
    await raise('Page');
    await eventually('the first to be paged', () => pager.seen[0], 10_000);
    await restart();
    await eventually('the second to be paged', () => said().includes('second trigger') || undefined, 15_000);
    const key = heard()[0]?.dedup_key ?? '';
    expect((await hook('incident.acknowledged', key)).status).toBe(202);
    const pages = z.object({ pages: z.array(z.object({ id: z.string(), state: z.string(), by: z.string() })) });
    const [page] = (await read('/api/pages', pages)).pages;
    expect(page).toMatchObject({ state: 'acknowledged', by: 'Anna' });
    await restart();
    expect((await say(`/api/pages/${page?.id}/resolve`, ANNA)).status).toBe(200);
    await eventually(
      'the pagers to hear of it',
      () => said().filter((one) => one.endsWith('resolve')).length === 2 || undefined,
    );
    expect(said().toSorted()).toEqual(
      ['first', 'second'].flatMap((who) => ['acknowledge', 'resolve', 'trigger'].map((verb) => `${who} ${verb}`)),
    );
    expect(new Set(heard().map(({ dedup_key }) => dedup_key))).toEqual(new Set([key]));
    expect(await audited('page_resolved')).toHaveLength(1);
  });
});

describe('a silence', { timeout: 60_000 }, () => {
  const silenceSchema = z.looseObject({ id: z.string(), state: z.string(), hidden: z.number() });
  const silences = async () => (await read('/api/silences', z.object({ silences: z.array(silenceSchema) }))).silences;
  const alertsSchema = z.object({
    alerts: z.array(z.object({ alert: z.looseObject({ output: z.string() }), silenced: z.string().optional() })),
  });
  const latest = async () => (await read('/api/alerts?limit=1', alertsSchema)).alerts[0];
  const runsOf = async () => {
    const { runs } = await read('/api/runs?limit=100', z.object({ runs: z.array(z.object({ playbook: z.string() })) }));
    return runs.filter(({ playbook }) => playbook === 'tell').length;
  };

  it('hides alerts at all replicas at once, over the death of the router, and ends by itself or by a person', async () => {
    const where = ['--router', place.url, '--data', place.dataFolder];
    const forbidden = await say('/api/silences', 'eve-is-in-no-group-at-all');
    expect(forbidden.status).toBe(403);
    const wrong = await runLanner('silence', 'add', 'alert.rul = Tell', '--for', '1h', '--reason', 'x', ...where);
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('did you mean alert.rule?')]);
    const added = await runLanner(
      'silence',
      'add',
      'alert.rule = Tell',
      '--for',
      '1h',
      '--reason',
      'planned work',
      ...where,
    );
    expect([added.code, added.stderr]).toEqual([0, '']);
    await raise('Tell', 'hidden');
    expect(await latest()).toMatchObject({
      alert: { output: 'hidden' },
      silenced: expect.stringMatching(/by operator.*planned work/),
    });
    await restart();
    await raise('Tell', 'hidden as well');
    expect((await latest())?.silenced).toContain('planned work');
    const [silence] = await silences();
    expect(silence).toMatchObject({ state: 'active', hidden: 2 });
    expect(await runsOf()).toBe(0);

    // Another replica, which was there before.
    const socket = `unix://${join(place.dataFolder, 'redis', 'redis.sock')}`;
    const other = await makePlace();
    writeFileSync(join(other.dataFolder, 'people.yaml'), playbooks());
    writeFileSync(join(other.dataFolder, 'router.yaml'), configuration());
    const replica = await startRouterAt(other, [
      '--redis',
      socket,
      '--enforce',
      '--playbooks',
      join(other.dataFolder, 'people.yaml'),
    ]);
    try {
      await runLanner('silence', 'end', silence?.id ?? '', ...where);
      const alert = { time: new Date().toISOString(), rule: 'Tell', priority: 'Error', output: 'seen' };
      await eventually(
        'the other replica to have heard of it',
        async () => {
          expect((await other.post({ ...alert, output: `seen ${randomUUID()}` })).status).toBe(202);
          return (await runsOf()) > 0 || undefined;
        },
        2_000,
      );
    } finally {
      await replica.end();
      other.remove();
    }
    expect((await latest())?.silenced).toBeUndefined();
    expect((await silences())[0]).toMatchObject({ state: 'ended' });
    expect([await audited('silence_added'), await audited('silence_ended')].map(({ length }) => length)).toEqual([
      1, 1,
    ]);
    // One that ends by itself.
    await fetch(`${place.url}/api/silences`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ANNA}` },
      body: JSON.stringify({ condition: 'alert.rule = Tell', for: '1s', reason: 'short' }),
    });
    await raise('Tell', 'short');
    expect((await latest())?.silenced).toContain('by anna');
    await eventually(
      'the silence to end',
      async () => (await silences()).every(({ state }) => state === 'ended') || undefined,
    );
    const before = await runsOf();
    await raise('Tell', 'seen again');
    expect((await latest())?.silenced).toBeUndefined();
    await eventually('the playbook to run', async () => (await runsOf()) > before || undefined);
  });
});

describe('a digest', { timeout: 60_000 }, () => {
  const subjects = () => mails.map((mail) => /^Subject: (.*)$/m.exec(mail)?.[1]?.trim());

  it('is one mail with a table, over the death of the router, and the next when there are enough', async () => {
    const post = async (count: number) => {
      const alert = { time: new Date().toISOString(), rule: 'Mail', priority: 'Warning', hostname: 'a-host' };
      const alerts = Array.from({ length: count }, (_, at) => ({ ...alert, output: `${randomUUID()} number ${at}` }));
      expect((await place.post(alerts)).status).toBe(202);
    };
    const gathered = async () => {
      const schema = z.object({ destinations: z.array(z.object({ name: z.string(), gathered: z.number() })) });
      return (await read('/api/destinations', schema)).destinations.find(({ name }) => name === 'mail')?.gathered;
    };
    await post(20);
    await eventually('the messages to be gathered', async () => (await gathered()) === 20 || undefined, 2_500);
    expect(mails).toEqual([]);
    await restart();
    await eventually('the mail', () => mails[0], 15_000);
    expect(subjects()).toEqual(['20 alerts: Warning: Mail']);
    expect(mails[0]).toMatch(/Content-Type: text\/html[\s\S]*<table[\s\S]*<td[^>]*>20</);
    await post(100);
    await eventually('the next mail', () => mails[1], 15_000);
    expect(subjects()).toEqual(['20 alerts: Warning: Mail', '100 alerts: Warning: Mail']);
    // Its connection to the mail server is idle, and keeps nobody waiting.
    const begun = performance.now();
    await restart('SIGTERM');
    expect(performance.now() - begun).toBeLessThan(8_000);
  });
});
