import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { alertJson } from '#rules/alert-json';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';

const root = new URL('../..', import.meta.url).pathname;

let browser: Browser;
let dataFolder: string;
let port: number;
let router: ChildProcess;
let page: Page | undefined;
/** What the browser complains about: errors of scripts, and what the content policy refused. */
const complaints: string[] = [];

const url = () => `http://127.0.0.1:${port}`;
const token = () => readFileSync(join(dataFolder, 'token'), 'utf8').trim();

async function startRouter(): Promise<ChildProcess> {
  const said: string[] = [];
  const playbooks = ['--playbooks', 'playbooks', join(dataFolder, 'ask.yaml')];
  const child = spawn(
    process.execPath,
    ['lanner.ts', 'router', '--data', dataFolder, '--listen', `127.0.0.1:${port}`, ...playbooks],
    { cwd: root, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  child.stderr?.on('data', (chunk) => said.push(String(chunk)));
  await eventually(
    'the router to be ready',
    async () => {
      if (child.exitCode !== null) throw new Error(`the router ended with ${child.exitCode}: ${said.join('')}`);
      const response = await fetch(`${url()}/readyz`).catch(() => undefined); // not listening yet
      return response?.ok || undefined;
    },
    20_000,
  );
  return child;
}

async function stopRouter(signal: NodeJS.Signals): Promise<void> {
  const gone = new Promise((resolve) => router.once('exit', resolve));
  router.kill(signal);
  await gone;
}

async function post(alert: object): Promise<void> {
  const response = await fetch(`${url()}/api/alerts`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token()}` },
    body: alertJson({ time: new Date().toISOString(), priority: 'Warning', ...alert }),
  });
  expect(response.status).toBe(202);
}

async function open(hash = `#token=${token()}`): Promise<Page> {
  const context = await browser.newContext();
  page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    // A refused token and a router that is away are told by the browser too; nothing else may be.
    if (message.type() === 'error' && !/status of 401|ERR_|Failed to load resource/.test(message.text()))
      complaints.push(message.text());
  });
  await page.goto(`${url()}/${hash}`);
  return page;
}

const live = (shown: Page) => shown.locator('#connection', { hasText: /^live$/ }).waitFor();
const rowWith = (shown: Page, list: string, text: string) => shown.locator(`#${list} > li`, { hasText: text });

beforeAll(async () => {
  dataFolder = mkdtempSync(join(tmpdir(), 'lanner-console-'));
  port = await freePort();
  writeFileSync(join(dataFolder, 'router.yaml'), 'groups: { soc: [operator] }\n');
  writeFileSync(
    join(dataFolder, 'ask.yaml'),
    `playbook: ask
mode: enforce
on: { rules: [Ask] }
steps:
  - id: write
    uses: log
    with: { file: ${join(dataFolder, 'asked.jsonl')} }
    approve: { via: [console], by: [soc], within: 10m }
`,
  );
  router = await startRouter();
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
});

afterEach(async () => {
  await page?.context().close();
  page = undefined;
  expect(complaints.splice(0)).toEqual([]);
});

afterAll(async () => {
  await browser.close();
  await stopRouter('SIGTERM');
  rmSync(dataFolder, { recursive: true, force: true });
});

describe('console', () => {
  it('logs in with the token behind #, and takes it out of the address', async () => {
    const shown = await open();
    await live(shown);
    expect(shown.url()).toBe(`${url()}/`);
    await shown.reload();
    await live(shown);
  });

  it('asks for the token, says when it is wrong, and goes on with the right one', async () => {
    const shown = await open('#token=wrong-wrong-wrong-wrong');
    await shown.getByRole('alert').filter({ hasText: 'does not know this token' }).waitFor();
    expect(await shown.locator('#lists').isVisible()).toBe(false);
    await shown.getByLabel('Token').fill(token());
    await shown.getByRole('button', { name: 'Log in' }).click();
    await live(shown);
  });

  it('shows an alert as it comes, and its run', async () => {
    const shown = await open();
    await live(shown);
    await post({
      rule: 'Terminal shell in container',
      output: 'a shell, live',
      output_fields: { 'container.id': '0123456789ab', 'evt.time': 1_795_439_100_123_456_789n },
    });
    const alert = rowWith(shown, 'alerts', 'a shell, live');
    await alert.waitFor({ timeout: 2_000 });
    await alert.locator('summary').click();
    expect(await alert.locator('dd').allTextContents()).toEqual(['0123456789ab', '1795439100123456789']);
    const run = rowWith(shown, 'runs', 'contain-shell');
    await run.getByText(/^(done|failed), dry run$/).waitFor({ timeout: 5_000 });
  });

  it('shows what was there before it was opened', async () => {
    await post({ rule: 'Earlier', output: 'before the page' });
    await rowWith(await open(), 'alerts', 'before the page').waitFor({ timeout: 3_000 });
  });

  it('asks whether a step may be performed, and takes the answer', async () => {
    const shown = await open();
    await live(shown);
    for (const [output, answer, state] of [
      ['<b>first</b>', 'Deny', 'refused'],
      ['second', 'Approve', 'done'],
    ] as const) {
      await post({ rule: 'Ask', output });
      const asked = rowWith(shown, 'approvals', output);
      await asked.waitFor();
      expect(await asked.textContent()).toMatch(/^ask\/write log with .*soc, otherwise abort/);
      await asked.getByRole('button', { name: answer }).click();
      await asked.waitFor({ state: 'detached' });
      await rowWith(shown, 'runs', `${state} write`).first().waitFor();
    }
  });

  it('silences alerts for a while, and ends that', async () => {
    const shown = await open();
    await live(shown);
    const form = shown.locator('#silence');
    await form.getByLabel('Condition').fill('alert.rul = Quiet');
    await form.getByLabel('Reason').fill('planned <i>work</i>');
    await form.getByRole('button').click();
    await form.getByRole('alert').filter({ hasText: 'did you mean alert.rule?' }).waitFor();
    await form.getByLabel('Condition').fill('alert.rule = Quiet');
    await form.getByLabel('Reason').fill('planned <i>work</i>');
    await form.getByRole('button').click();
    const silence = rowWith(shown, 'silences', 'operator: planned <i>work</i>');
    await silence.waitFor();
    await post({ rule: 'Quiet', output: 'hidden' });
    expect(await rowWith(shown, 'alerts', 'hidden').textContent()).toContain('by operator until');
    await silence.getByRole('button', { name: 'End' }).click();
    await silence.waitFor({ state: 'detached' });
  });

  it('shows markup in an alert as text', async () => {
    const shown = await open();
    await live(shown);
    const markup = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;
    await post({ rule: `<b>bold</b>`, output: markup, hostname: '<i>', output_fields: { '<u>': markup } });
    const row = rowWith(shown, 'alerts', '<b>bold</b>');
    await row.waitFor();
    expect(await row.locator('.output').textContent()).toBe(markup);
    expect(await row.locator('dd').textContent()).toBe(markup);
    expect(await row.locator('b, i, u, img, script').count()).toBe(0);
    expect(await shown.title()).toBe('Lanner');
  });

  it('shows marks that turn the direction of writing as their codes', async () => {
    const shown = await open();
    await live(shown);
    await post({ rule: 'Turned', output: 'cat \u202etxt.exe\u001b[2J' });
    const row = rowWith(shown, 'alerts', 'Turned');
    await row.waitFor();
    expect(await row.locator('.output').textContent()).toBe('cat \\u202etxt.exe\\u001b[2J');
  });

  it.for(['SIGTERM', 'SIGKILL'] as const)('goes on after the router was ended by %s', async (signal) => {
    const shown = await open();
    await live(shown);
    await post({ rule: 'Restart', output: `before ${signal}` });
    await rowWith(shown, 'alerts', `before ${signal}`).waitFor();
    await stopRouter(signal);
    await shown.locator('#connection', { hasText: 'does not answer' }).waitFor();
    router = await startRouter();
    await post({ rule: 'Restart', output: `after ${signal}` });
    await rowWith(shown, 'alerts', `after ${signal}`).waitFor({ timeout: 15_000 });
    expect(await rowWith(shown, 'alerts', `before ${signal}`).count()).toBe(1);
  });

  it('stays within its bounds in a flood, with the newest on top', async () => {
    const shown = await open();
    await live(shown);
    const startMs = Date.now();
    const alerts = Array.from({ length: 1_500 }, (_, index) => ({
      time: new Date(startMs + index).toISOString(),
      rule: 'Flood',
      priority: 'Notice',
      output: `flood ${index}`,
    }));
    const response = await fetch(`${url()}/api/alerts`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token()}` },
      body: JSON.stringify(alerts),
    });
    expect(response.status).toBe(202);
    await shown.locator('#alerts > li:first-child', { hasText: 'flood 1499' }).waitFor({ timeout: 10_000 });
    expect(await shown.locator('#alerts > li').count()).toBe(200);
  });
});
