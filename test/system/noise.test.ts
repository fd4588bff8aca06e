import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fieldCatalogue } from '../../rules/fields.ts';
import { loadRules } from '../../rules/language/load.ts';
import { type Agent, startAgent } from '../support/agent.ts';
import { docker, image, remove } from '../support/docker.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'lanner-noise-'));
const builtIn = new URL('../../rules/', import.meta.url).pathname;

/** Runs a script as an administrator would type it; fails with what it printed. */
async function sh(script: string): Promise<void> {
  await run('/bin/sh', ['-ec', script], { cwd: folder, timeout: 120_000, maxBuffer: 16 * 1024 * 1024 });
}

/** Every built-in rule, switched on. */
function everyRule() {
  const files = readdirSync(builtIn)
    .filter((name) => name.endsWith('.yaml') && !name.endsWith('.test.yaml'))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(builtIn, path), 'utf8') }));
  const { rules } = loadRules(files, { fields: fieldCatalogue }).ruleSet;
  const switches = rules.map(
    ({ name }) => `- rule: ${JSON.stringify(name)}\n  enabled: true\n  override:\n    enabled: replace\n`,
  );
  return { rules, text: [...files.map(({ text }) => text), ...switches, closing].join('\n') };
}

/** An alert that the test causes itself: when it comes, everything before it has been judged. */
const closing = `- rule: Closing
  desc: d
  condition: evt.type in (execve, execveat) and proc.args contains "${folder}/closing-"
  output: "%proc.args"
  priority: INFO
`;

async function settle(work: string): Promise<void> {
  const mark = `${folder}/closing-${work.replaceAll(' ', '-')}`;
  await run('/bin/true', [mark]);
  await agent.alert(`the end of ${work}`, ({ rule, output }) => rule === 'Closing' && output.includes(mark));
}

const { rules, text } = everyRule();
let agent: Agent;
/** Whatever a test leaves running when it fails. */
const daemons: ChildProcess[] = [];
const cronTable = '/etc/cron.d/lanner-noise';

const cronMark = join(folder, 'cron-ran');

beforeAll(async () => {
  // The table is there already when a host starts; that somebody puts one there is what rules are for.
  writeFileSync(cronTable, `* * * * * root date > ${cronMark}\n`, { mode: 0o644 });
  agent = await startAgent(text, ['--matching', 'all']);
});

afterAll(async () => {
  for (const daemon of daemons) daemon.kill();
  rmSync(cronTable, { force: true });
  await agent.close();
  await docker('rmi', '-f', 'lanner-noise:1');
  rmSync(folder, { recursive: true, force: true });
});

/** What hosts do all day. */
const everydayWork: Readonly<Record<string, () => Promise<void>>> = {
  'a package installed, upgraded and removed': () =>
    sh(`apt-get -q -y -o DPkg::Lock::Timeout=60 install --no-install-recommends hello
      apt-get -q -y -o DPkg::Lock::Timeout=60 install --reinstall --only-upgrade hello
      apt-get -q -y -o DPkg::Lock::Timeout=60 purge hello`),
  'an image built': async () => {
    mkdirSync(join(folder, 'build'));
    writeFileSync(join(folder, 'build/hello.txt'), 'hello\n');
    writeFileSync(
      join(folder, 'build/Dockerfile'),
      `FROM ${image}\nCOPY hello.txt /srv/hello.txt\nRUN cat /srv/hello.txt > /srv/copy.txt && ls -l /srv\nCMD ["cat", "/srv/copy.txt"]\n`,
    );
    await docker('build', '-q', '--no-cache', '--network', 'none', '-t', 'lanner-noise:1', join(folder, 'build'));
  },
  'containers started and stopped': async () => {
    for (let count = 0; count < 3; count++) await docker('run', '--rm', '--network', 'none', 'lanner-noise:1');
    const id = await docker('run', '-d', '--network', 'none', image, 'sleep', '600');
    await docker('stop', '-t', '0', id);
    await remove(id);
  },
  'a login by ssh': loginBySsh,
  'a Node build': () =>
    sh(`mkdir node && cd node
      printf '{"name":"x","version":"1.0.0","main":"x.js","scripts":{"build":"node --check x.js"}}' > package.json
      echo 'console.log(1)' > x.js
      npm run -s build && npm pack --silent && node x.js`),
  'a Python build': () =>
    sh(`mkdir python && cd python
      printf 'def f(x):\\n    return x + 1\\n' > lib.py
      python3 -m compileall -q . && python3 -c 'import lib; assert lib.f(1) == 2'`),
  'work with git': () =>
    sh(`git init -q repo && cd repo && git config user.email a@example.com && git config user.name A
      echo one > a && git add a && git commit -qm one && git checkout -qb side && echo two > a && git commit -qam two
      git checkout -q - && git merge -q side && git gc -q && cd .. && git clone -q repo clone`),
  'an editor': () =>
    sh(`echo text > note.txt && vim.tiny -es -c 's/text/words/' -c 'wq' note.txt && grep -q words note.txt`),
  'a manual page': () =>
    sh(`printf '.TH X 1\\n.SH NAME\\nx\\n' > x.1 && man -P cat ./x.1 > page.txt && grep -q NAME page.txt`),
};

/** The real ssh server and client, with keys made for it. */
async function loginBySsh(): Promise<void> {
  const port = await freePort();
  await sh(
    `mkdir -p ssh /run/sshd && ssh-keygen -q -t ed25519 -N '' -f ssh/host && ssh-keygen -q -t ed25519 -N '' -f ssh/key && cp ssh/key.pub ssh/allowed`,
  );
  const options = [
    `HostKey=${folder}/ssh/host`,
    `AuthorizedKeysFile=${folder}/ssh/allowed`,
    'StrictModes=no',
    'UsePAM=no',
  ];
  const server = spawn(
    '/usr/sbin/sshd',
    ['-D', '-e', '-p', String(port), ...options.flatMap((option) => ['-o', option])],
    {
      stdio: 'ignore',
    },
  );
  daemons.push(server);
  const client = [
    '-p',
    String(port),
    '-i',
    `${folder}/ssh/key`,
    '-o',
    'StrictHostKeyChecking=no',
    '-o',
    `UserKnownHostsFile=${folder}/ssh/known`,
    'root@127.0.0.1',
  ];
  try {
    await eventually(
      'a login',
      () =>
        run('ssh', [...client, 'true']).then(
          () => true,
          () => undefined,
        ),
      20_000,
    );
    await run('ssh', ['-tt', ...client, 'ls -l / && id']);
  } finally {
    server.kill();
  }
}

/** cron looks at its tables every minute. */
async function cronJob(): Promise<void> {
  const daemon = spawn('cron', ['-f'], { stdio: 'ignore' });
  daemons.push(daemon);
  try {
    await eventually('cron to run its job', () => existsSync(cronMark) || undefined, 90_000);
  } finally {
    daemon.kill();
  }
}

type Profile = 'default' | 'strict' | 'all';

function profileOf(name: string): Profile {
  const rule = rules.find((one) => one.name === name);
  if (rule === undefined) throw new Error(`there is no rule ${name}`);
  return rule.enabled ? 'default' : rule.tags.includes('strict') ? 'strict' : 'all';
}

describe('built-in rules', () => {
  it('say nothing of everyday work, as they come', { timeout: 300_000 }, async () => {
    const counts: Record<Profile, number> = { default: 0, strict: 0, all: 0 };
    const loud: string[] = [];
    const cron = cronJob();
    for (const [name, work] of Object.entries({ ...everydayWork, 'a job of cron': () => cron })) {
      const before = agent.alerts().length;
      await work();
      await settle(name);
      for (const { rule, output } of agent.alerts().slice(before)) {
        if (rule === 'Closing') continue;
        const profile = profileOf(rule);
        counts[profile]++;
        if (profile === 'default') loud.push(`${name}: ${output}`);
      }
    }
    const strict = counts.default + counts.strict;
    process.stdout.write(
      `alerts in everyday work: default ${counts.default}, strict ${strict}, all ${strict + counts.all}\n`,
    );
    expect(loud).toEqual([]);
  });
});
