import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { SMTPServer } from 'smtp-server';
import { eventually } from '../support/eventually.ts';
import { makePlace, startRouterAt } from '../support/router.ts';
import { type Bench, type Figure, spreadOf } from './bench.ts';
import { cpuNsOf } from './watcher.ts';

const MESSAGES = 2_000;
const ROUNDS = 5;
const BATCH = 500;

type Counterpart = { readonly port: number; count(): number; close(): Promise<void> };

/**
 * Alerts that a playbook hands to one destination, from the first post to the last message at a fast server on this
 * machine, which shares the processors. What is measured holds all that an alert costs the router: matching, run,
 * journal, audit log, queue and delivery.
 */
export const outward: Bench = {
  name: 'outward',
  summary: 'webhooks and e-mails a second to a fast local server, and the CPU time of the router for each',
  async run(report) {
    for (const { name, open, action, destination } of kinds) {
      const counterpart = await open();
      try {
        await measure(name, action, destination(counterpart.port), counterpart, report);
      } finally {
        await counterpart.close();
      }
    }
  },
};

const kinds = [
  {
    name: 'webhook',
    open: openHttp,
    action: 'uses: webhook, with: { via: there, body: { text: "%alert.output" } }',
    destination: (port: number) => `webhook: { url: "http://127.0.0.1:${port}" }`,
  },
  {
    name: 'email',
    open: openSmtp,
    action: 'uses: email, with: { via: there, to: b@example.com, text: "%alert.output" }',
    destination: (port: number) =>
      `email: { smtp: "smtp://127.0.0.1:${port}", from: a@example.com, starttls: never, html: false }\n    concurrency: 8`,
  },
] as const;

async function measure(
  name: string,
  action: string,
  destination: string,
  counterpart: Counterpart,
  report: (figure: Figure) => void,
): Promise<void> {
  const place = await makePlace();
  const playbook = `playbook: tell\non: { rules: [Tell] }\nsteps: [{ id: tell, ${action} }]\n`;
  writeFileSync(join(place.dataFolder, 'tell.yaml'), playbook);
  writeFileSync(join(place.dataFolder, 'router.yaml'), `destinations:\n  there:\n    ${destination}\n`);
  const router = await startRouterAt(place, ['--enforce', '--playbooks', join(place.dataFolder, 'tell.yaml')]);
  try {
    const rates: number[] = [];
    const cpus: number[] = [];
    // One more, to warm up.
    for (let round = 0; round <= ROUNDS; round += 1) {
      const before = counterpart.count();
      const [beganMs, beganNs] = [performance.now(), cpuNsOf(router.pid)];
      for (let first = 0; first < MESSAGES; first += BATCH) {
        const alerts = Array.from({ length: BATCH }, (_, at) => ({
          time: '2026-11-23T14:00:00Z',
          rule: 'Tell',
          priority: 'Notice',
          output: `${round}-${first + at}`,
        }));
        const answer = await place.post(alerts);
        if (answer.status !== 202) throw new Error(`the router answered ${answer.status}`);
      }
      await eventually('every message', () => counterpart.count() - before >= MESSAGES || undefined, 120_000);
      if (round === 0) continue;
      rates.push((MESSAGES / (performance.now() - beganMs)) * 1_000);
      cpus.push((cpuNsOf(router.pid) - beganNs) / MESSAGES / 1e6);
    }
    const [rate, cpu] = [spreadOf(rates), spreadOf(cpus)];
    report({ bench: `outward.${name}`, value: rate.median, unit: 'messages/s', spread: rate });
    report({ bench: `outward.${name}.cpu`, value: cpu.median, unit: 'ms of the router', spread: cpu });
  } finally {
    await router.end();
    place.remove();
  }
}

async function openHttp(): Promise<Counterpart> {
  let count = 0;
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      count += 1;
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    count: () => count,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function openSmtp(): Promise<Counterpart> {
  let count = 0;
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    onData(stream, _, done) {
      stream.resume();
      stream.on('end', () => {
        count += 1;
        done();
      });
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const address = server.server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    count: () => count,
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}
