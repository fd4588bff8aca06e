import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import * as z from 'zod';
import { type Agent, startAgent } from '../support/agent.ts';
import { eventually } from '../support/eventually.ts';
import { runLanner } from '../support/lanner.ts';
import { makePlace, type Place, type RouterProcess, startRouterAt } from '../support/router.ts';
import { startS3 } from '../support/s3.ts';

const rules = `
- rule: Mark
  desc: d
  condition: evt.type = execve and proc.name = sleep and proc.args startswith 4711
  output: of=%proc.pid
  priority: NOTICE
`;
const playbook = `
playbook: keep
mode: enforce
on: { rules: [Mark] }
steps: [{ id: keep, uses: evidence.collect, where: node }]
`;
const listSchema = z.object({
  evidence: z.array(
    z.looseObject({ id: z.string(), node: z.string(), sha256: z.string(), rule: z.string(), place: z.unknown() }),
  ),
});
const receiptSchema = z.looseObject({ kind: z.literal('receipt'), outcome: z.string(), detail: z.string() });

let folder: string;
let place: Place;
let router: RouterProcess;
let agent: Agent;
const ends: (() => void)[] = [];
const at = (name: string): string => join(folder, name);

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lanner-evidence-'));
  writeFileSync(at('playbook.yaml'), playbook);
  place = await makePlace();
});
afterEach(async () => {
  await agent?.close();
  await router?.end();
  for (const end of ends.splice(0)) end();
  place?.remove();
  rmSync(folder, { recursive: true, force: true });
});

const startRouter = (...args: readonly string[]) => startRouterAt(place, ['--playbooks', at('playbook.yaml'), ...args]);
const startNode = () => {
  const to = [
    '--router',
    place.url,
    '--token-file',
    join(place.dataFolder, 'token'),
    '--playbooks',
    at('playbook.yaml'),
  ];
  return startAgent(rules, [...to, '--data', at('data'), '--node', 'here']);
};
/** Its evidence is taken while it lives. */
function mark(seconds: number): void {
  const child = spawn('sleep', [String(seconds)], { stdio: 'ignore' });
  ends.push(() => child.kill('SIGKILL'));
}
const receipts = () =>
  readFileSync(at('data/receipts.jsonl'), 'utf8')
    .split('\n')
    .filter((line) => line.includes('"receipt"'))
    .map((line) => receiptSchema.parse(JSON.parse(line)));
const receiptNumber = (number: number) => eventually('a receipt', () => receipts()[number - 1], 15_000);
const listed = (count: number) =>
  eventually(
    `${count} archives`,
    async () => {
      const { evidence } = listSchema.parse(await (await place.get('/api/evidence')).json());
      return evidence.length === count ? evidence : undefined;
    },
    20_000,
  );
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** As people fetch it; what is in it, by name. */
async function fetchArchive(id: string, wanted: string): Promise<string> {
  const file = at(`${id}.tar.zst`);
  const got = await runLanner(
    'evidence',
    'get',
    id,
    '--output',
    file,
    '--router',
    place.url,
    '--data',
    place.dataFolder,
  );
  expect(got).toMatchObject({ code: 0 });
  expect(sha256(readFileSync(file))).toBe(wanted);
  return execFileSync('tar', ['--zstd', '-xOf', file, 'manifest.json'], { encoding: 'utf8' });
}

it('goes to the router, or to a bucket, also when it was collected while the router was dead and the agent restarted', async () => {
  router = await startRouter();
  agent = await startNode();
  mark(47_110);
  const first = await receiptNumber(1);
  const [kept] = await listed(1);
  expect(first).toMatchObject({ outcome: 'done' });
  expect(first.detail).toMatch(new RegExp(`sha256 ${kept?.sha256}\\); the router \\S+ has it as ${kept?.id}$`));
  expect(kept).toMatchObject({ node: 'here', rule: 'Mark', place: { kind: 'router' } });
  expect(JSON.parse(await fetchArchive(kept?.id ?? '', kept?.sha256 ?? ''))).toMatchObject({ container: 'host' });
  expect((await fetch(`${place.url}/api/evidence/${kept?.id}`)).status).toBe(401);

  await router.end('SIGKILL');
  mark(47_111);
  expect((await receiptNumber(2)).detail).toContain('stays on this node until the router takes it: ');
  await agent.close('SIGKILL');

  const s3 = await startS3('vault');
  ends.push(() => s3.close());
  mkdirSync(join(place.dataFolder, 'secrets'), { recursive: true });
  const tell = (name: string, value: string) => writeFileSync(join(place.dataFolder, 'secrets', name), value);
  tell('KEY', 'S3RVER');
  tell('ID', 'not-the-right-id');
  const keys = `access_key_id: '%{secret.ID}', secret_access_key: '%{secret.KEY}'`;
  const bucket = `{url: '${s3.url}', bucket: vault, prefix: evidence/, region: us-east-1, ${keys}}`;
  writeFileSync(at('router.yaml'), `evidence: {s3: ${bucket}}\n`);
  router = await startRouter('--config', at('router.yaml'));
  agent = await startNode();
  // s3rver looks at the id of the key alone; that signatures are right, clients/sigv4.test.ts shows by AWS' own.
  const isRefused = () => router.lines.some((line) => line.includes('InvalidAccessKeyId')) || undefined;
  await eventually('a refusal', isRefused, 15_000);
  expect(router.lines.join('\n')).not.toContain('not-the-right-id');
  tell('ID', 'S3RVER');
  const [second] = await listed(2);
  const name = `evidence/${second?.id}.tar.zst`;
  expect(second).toMatchObject({ node: 'here', place: { kind: 's3', bucket: 'vault', name } });
  expect(await fetchArchive(second?.id ?? '', second?.sha256 ?? '')).toContain('"files"');
  expect(router.lines.join('\n')).not.toContain('S3RVER');
  const list = await runLanner('evidence', 'list', '--router', place.url, '--data', place.dataFolder);
  expect(list.stdout.split('\n')).toEqual([
    expect.stringContaining('(s3): Mark'),
    expect.stringContaining('(router): Mark'),
    '',
  ]);
  const audit = await (await place.get('/api/audit')).text();
  expect(audit.match(/evidence_kept/g)).toHaveLength(2);
}, 120_000);
