import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type GitSettings, gitSchema } from '../../router/config/git-settings.ts';
import { openRepository } from '../../router/sync/repository.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { makeWorkTree, type WorkTree } from '../support/git.ts';

let folder: string;
let tree: WorkTree;
const closers: (() => unknown)[] = [];
const at = (name: string): string => join(folder, name);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lanner-sync-'));
  tree = makeWorkTree(folder);
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  rmSync(folder, { recursive: true, force: true });
});

const open = (more: Readonly<Record<string, unknown>> = {}) => {
  const settings: GitSettings = gitSchema.parse({ url: tree.url, ...more });
  return openRepository(at('clone'), settings, new AbortController().signal);
};

/** The commit that was fetched; a refusal fails the test. */
async function fetched(repository: ReturnType<typeof open>): Promise<string> {
  const answer = await repository.fetch();
  if (!answer.ok) throw new Error(answer.reason);
  return answer.value;
}

/** An SSH key of the test's own: its file, and its public half. */
function makeKey(name: string): { readonly file: string; readonly public: string } {
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(name)]);
  return { file: at(name), public: readFileSync(`${at(name)}.pub`, 'utf8').trim() };
}

describe('a repository', () => {
  it('gives the YAML files directly in rules/ and playbooks/ of a commit', async () => {
    const first = tree.commit({
      'rules/a.yaml': 'a\n',
      'rules/a.test.yaml': 't\n',
      'rules/deep/b.yaml': 'no\n',
      'rules/notes.md': 'no\n',
      'playbooks/p.yml': 'grün\n',
      'other/c.yaml': 'no\n',
    });
    const repository = open();
    expect(await fetched(repository)).toBe(first);
    tree.commit({ 'rules/a.yaml': 'changed\n' });
    expect(await repository.read(first)).toEqual({
      ok: true,
      value: {
        commit: first,
        rules: [
          { path: 'rules/a.test.yaml', text: 't\n' },
          { path: 'rules/a.yaml', text: 'a\n' },
        ],
        playbooks: [{ path: 'playbooks/p.yml', text: 'grün\n' }],
      },
    });
  });

  it('may have them below a folder', async () => {
    tree.commit({ 'sec/lanner/rules/a.yaml': 'a\n', 'rules/b.yaml': 'no\n' });
    const repository = open({ path: 'sec/lanner' });
    const read = await repository.read(await fetched(repository));
    expect(read).toMatchObject({ value: { rules: [{ path: 'sec/lanner/rules/a.yaml' }], playbooks: [] } });
  });

  it('knows its history, and finds commits of it alone', async () => {
    const first = tree.commit({ 'rules/a.yaml': 'a\n' });
    const second = tree.commit({ 'rules/a.yaml': 'b\n' });
    const repository = open();
    await fetched(repository);
    expect(await repository.isAncestor(first, second)).toBe(true);
    expect(await repository.find(first.slice(0, 8))).toEqual({ ok: true, value: first });
    tree.git('reset', '-q', '--hard', first);
    const other = tree.commit({ 'rules/a.yaml': 'c\n' });
    expect(await fetched(repository)).toBe(other);
    expect(await repository.isAncestor(second, other)).toBe(false);
    expect(await repository.find(second)).toMatchObject({ ok: false, reason: expect.stringContaining('history') });
    expect(await repository.find('0123456789')).toMatchObject({ ok: false });
  });

  it('that is hostile gives nothing: links, odd names, too many files, too large ones', async () => {
    const repository = open();
    const refused = async (): Promise<string> => {
      const read = await repository.read(await fetched(repository));
      return read.ok ? 'taken' : read.reason;
    };
    tree.commit({ 'rules/a.yaml': 'a\n' });
    mkdirSync(at('tree/playbooks'));
    symlinkSync('/etc/passwd', at('tree/playbooks/p.yaml'));
    tree.commit({});
    expect(await refused()).toBe('playbooks/p.yaml: a symbolic link; rules and playbooks must be files');
    tree.commit({ 'playbooks/p.yaml': undefined, 'rules/\u202eb.yaml': 'a\n' });
    expect(await refused()).toContain('not a name that can be shown');
    tree.commit({ 'rules/\u202eb.yaml': undefined, 'rules/large.yaml': 'x'.repeat(2 * 1024 * 1024) });
    expect(await refused()).toBe('rules/large.yaml: more than 1048576 bytes');
    tree.commit({ 'rules/large.yaml': undefined });
    const blob = tree.git('rev-parse', 'HEAD:rules/a.yaml');
    const many = Array.from({ length: 100_000 }, (_, number) => `100644 blob ${blob}\trules/${number}.yaml`);
    execFileSync('git', ['update-index', '--index-info'], { cwd: at('tree'), input: `${many.join('\n')}\n` });
    tree.git('commit', '-q', '-m', 'many');
    tree.git('push', '-q', 'origin', 'main');
    expect(await refused()).toContain('more than 2000 files');
  }, 120_000);

  it('with a blob that is too large is not taken over, and leaves no room used', async () => {
    tree.commit({ 'rules/a.yaml': 'a\n' });
    const repository = open();
    const first = await fetched(repository);
    commitLarge('large.bin', { source: '/dev/urandom', mib: 272, compression: 0 });
    expect(await repository.fetch()).toMatchObject({ ok: false });
    expect(Number(execFileSync('du', ['-sk', at('clone')], { encoding: 'latin1' }).split('\t')[0])).toBeLessThan(
      20_000,
    );
    expect((await repository.read(first)).ok).toBe(true);
  }, 120_000);

  it('with 1 GiB that is little on its way is refused by its size', async () => {
    tree.commit({ 'rules/a.yaml': 'a\n' });
    const repository = open();
    commitLarge('rules/large.yaml', { source: '/dev/zero', mib: 1_024, compression: 1 });
    expect(await repository.read(await fetched(repository))).toMatchObject({
      ok: false,
      reason: 'rules/large.yaml: more than 1048576 bytes',
    });
  }, 120_000);
});

/** Streamed by git: a file so large is not held in memory. */
function commitLarge(
  file: string,
  { source, mib, compression }: { readonly source: string; readonly mib: number; readonly compression: number },
): void {
  tree.git('config', 'core.bigFileThreshold', '1m');
  tree.git('config', 'core.compression', String(compression));
  execFileSync('sh', ['-c', `head -c ${mib}M ${source} >${file}`], { cwd: at('tree') });
  tree.commit({});
  rmSync(join(at('tree'), file));
}

describe('a repository that must be signed', () => {
  it('takes commits of allowed signers alone', async () => {
    const [mine, other] = [makeKey('mine'), makeKey('other')];
    writeFileSync(at('signers'), `ann@example.org ${mine.public}\n`);
    const repository = open({ verify: { allowed_signers: at('signers') } });
    const sign = (file: string) => ['-S', `--gpg-sign=${file}`];
    tree.git('config', 'gpg.format', 'ssh');
    const judge = async (commit: string) => {
      await fetched(repository);
      return (await repository.verify(commit)).ok;
    };
    expect(await judge(tree.commit({ 'rules/a.yaml': 'a\n' }))).toBe(false);
    expect(await judge(tree.commit({ 'rules/a.yaml': 'b\n' }, ...sign(other.file)))).toBe(false);
    const good = tree.commit({ 'rules/a.yaml': 'c\n' }, ...sign(mine.file));
    expect(await judge(good)).toBe(true);
    // The signature of one commit on another's content.
    const forged = tree
      .git('cat-file', 'commit', good)
      .replace(/^tree \w+$/m, `tree ${tree.git('rev-parse', 'HEAD~1^{tree}')}`);
    const id = execFileSync('git', ['hash-object', '-t', 'commit', '-w', '--stdin'], {
      cwd: at('tree'),
      input: `${forged}\n`,
      encoding: 'utf8',
    }).trim();
    tree.git('push', '-q', '--force', 'origin', `${id}:refs/heads/main`);
    expect(await judge(id)).toBe(false);
  });
});

describe('a repository elsewhere', () => {
  it('is read over https, with a password from a file and a certificate of its own', async () => {
    const commit = tree.commit({ 'rules/a.yaml': 'a\n' });
    const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'];
    const keys = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', at('tls.key')];
    execFileSync('openssl', ['req', '-x509', ...keys, '-out', at('tls.pem'), ...subject], { stdio: 'ignore' });
    const port = await serveGit();
    writeFileSync(at('password'), 's3cret\n');
    const auth = { username: 'ann', password_file: at('password') };
    const url = `https://127.0.0.1:${port}/origin.git`;
    expect(await fetched(open({ url, auth, ca_file: at('tls.pem') }))).toBe(commit);
    expect(await open({ url, auth }).fetch()).toMatchObject({
      ok: false,
      reason: expect.stringMatching(/certificate/),
    });
    writeFileSync(at('password'), 'wrong\n');
    const refused = await open({ url, auth, ca_file: at('tls.pem') }).fetch();
    expect(refused).toMatchObject({ ok: false });
    expect(JSON.stringify(refused)).not.toContain('wrong');
  });

  it('is read over ssh, with its own key, from a host that is known', async () => {
    const commit = tree.commit({ 'rules/a.yaml': 'a\n' });
    const [host, user] = [makeKey('host'), makeKey('user')];
    const port = await freePort();
    writeFileSync(at('authorized'), `${user.public}\n`, { mode: 0o600 });
    writeFileSync(at('known'), `[127.0.0.1]:${port} ${host.public}\n`);
    mkdirSync('/run/sshd', { recursive: true });
    const options = [
      'StrictModes=no',
      'UsePAM=no',
      'PermitRootLogin=yes',
      'PidFile=none',
      `AuthorizedKeysFile=${at('authorized')}`,
    ];
    const words = ['-D', '-e', '-f', '/dev/null', '-h', host.file, '-p', String(port), '-o', 'ListenAddress=127.0.0.1'];
    const sshd: ChildProcess = spawn('/usr/sbin/sshd', [...words, ...options.flatMap((option) => ['-o', option])], {
      stdio: 'ignore',
    });
    closers.push(() => sshd.kill());
    const url = `ssh://root@127.0.0.1:${port}${tree.bare}`;
    const auth = { ssh_key_file: user.file, known_hosts_file: at('known') };
    await eventually('sshd', async () => ((await open({ url, auth }).fetch()).ok ? true : undefined), 15_000);
    expect(await fetched(open({ url, auth }))).toBe(commit);
    writeFileSync(at('known'), `[127.0.0.1]:${port} ${user.public}\n`);
    expect(await open({ url, auth }).fetch()).toMatchObject({
      ok: false,
      reason: expect.stringMatching(/verification/),
    });
  });
});

/** git's own HTTP end behind a server that wants a password. */
async function serveGit(): Promise<number> {
  const server: Server = createServer(
    { key: readFileSync(at('tls.key')), cert: readFileSync(at('tls.pem')) },
    (request, response) => {
      const wanted = `Basic ${Buffer.from('ann:s3cret').toString('base64')}`;
      if (request.headers.authorization !== wanted) {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
        return;
      }
      const url = new URL(request.url ?? '/', 'https://127.0.0.1');
      const backend = spawn('/usr/lib/git-core/git-http-backend', [], {
        env: {
          ...{ GIT_PROJECT_ROOT: folder, GIT_HTTP_EXPORT_ALL: '1', PATH_INFO: url.pathname },
          ...{ QUERY_STRING: url.search.slice(1), REQUEST_METHOD: request.method, PATH: process.env['PATH'] },
          CONTENT_TYPE: request.headers['content-type'] ?? '',
          HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
          GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
          // The bare repository belongs to whoever runs the test.
          ...{ GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'safe.directory', GIT_CONFIG_VALUE_0: '*' },
        },
      });
      request.pipe(backend.stdin);
      let head: Buffer | undefined = Buffer.alloc(0);
      backend.stdout.on('data', (chunk: Buffer) => {
        if (head === undefined) return response.write(chunk);
        head = Buffer.concat([head, chunk]);
        const end = head.indexOf('\r\n\r\n');
        if (end === -1) return undefined;
        for (const line of head.toString('latin1', 0, end).split('\r\n')) {
          const [name = '', value = ''] = line.split(/: (.*)/);
          if (name === 'Status') response.statusCode = Number(value.slice(0, 3));
          else response.setHeader(name, value);
        }
        response.write(head.subarray(end + 4));
        head = undefined;
        return undefined;
      });
      backend.once('close', () => response.end());
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return address !== null && typeof address === 'object' ? address.port : 0;
}
