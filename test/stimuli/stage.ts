import { execFile, execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { image } from '../support/docker.ts';
import { eventually } from '../support/eventually.ts';
import { type OwnEngine, startOwnEngine } from './engine.ts';
import type { ContainerName, Stimulus } from './stimulus.ts';

const run = promisify(execFile);

/** What runs stimuli: a place on the host, containers, and an engine for new ones. */
export type Stage = {
  readonly folder: string;
  readonly engine: OwnEngine;
  /** Its processes on the host are the only ones below this one. */
  readonly hostPid: number;
  /** Names of its containers, and only of these, begin so. */
  readonly prefix: string;
  /** Runs the script to its end and then, in the same place, the program `stimulus-mark` with the id. */
  run(stimulus: Stimulus, id: string): Promise<void>;
  close(): Promise<void>;
};

/** The program that ends each stimulus: its alert says that all that was before it has been judged. */
export const MARK = 'stimulus-mark';

/** Addresses of the places' own networks: of a metadata service, of documentation networks, of a local network. */
const addresses = ['169.254.169.254/32', '198.51.100.1/24', '203.0.113.1/24', '8.8.8.8/32', '10.1.2.3/24'];

const networkScript = ['ip link set lo up', ...addresses.map((address) => `ip addr add ${address} dev lo`)].join('\n');

/** Folders that a host script may write to: what it writes is gone with its mount namespace. */
const overlaid = ['/boot', '/etc', '/home', '/root', '/usr', '/var'];

function hostScript(folder: string): string {
  const layers = join(folder, 'layers');
  return `set -e
    mount -t tmpfs tmpfs ${layers}
    for place in ${overlaid.join(' ')}; do
      mkdir -p ${layers}/upper$place ${layers}/work$place
      mount -t overlay overlay -o lowerdir=$place,upperdir=${layers}/upper$place,workdir=${layers}/work$place $place
    done
    ${networkScript}`;
}

/** Takes the names of scripts from a pipe, runs each and leaves its exit code, until nobody has the pipe open any more. */
const server = `
  set +e
  cd "$1"
  exec <requests
  while read -r id; do
    sh "$id.sh" >"$id.said" 2>&1 </dev/null
    echo $? >"$id.code.new"
    mv "$id.code.new" "$id.code"
  done`;

/** `$mark` is for scripts that put another program in the shell's place. */
function preamble(folder: string, id: string): string {
  const programs = join(folder, 'programs');
  return `set -e
    programs=${programs}
    PATH=${programs}:/usr/sbin:/usr/bin:/sbin:/bin
    act=${programs}/act
    mark="${programs}/${MARK} sleep 0 ${id}"
    have() { [ -e ${programs}/$1 ] || ln -s act ${programs}/$1; }
    as() { have $1; name=$1; shift; ${programs}/$name "$@"; }
  `;
}

/** Folders below which each script gets one to work in. Any user may write to a container's /dev/shm. */
const bases = (folder: string) => ({ host: join(folder, 'host'), inside: '/tmp', exec: '/tmp', first: '/dev/shm' });

const scriptOf = (folder: string, script: string, id: string, base: string): string =>
  `${preamble(folder, id)}\nmkdir -p ${base}/${id}; cd ${base}/${id}\n${script}\n$mark\n`;

/** A folder from whose pipe a server takes its scripts. */
class Desk {
  readonly #path: string;
  /** Open for both, so that writing never waits for a reader; closed, it ends the server. */
  readonly #requests: number;

  constructor(path: string) {
    this.#path = path;
    mkdirSync(path);
    execFileSync('mkfifo', [join(path, 'requests')]);
    this.#requests = openSync(join(path, 'requests'), 'r+');
  }

  async perform(id: string, script: string): Promise<void> {
    const at = (ending: string) => join(this.#path, `${id}.${ending}`);
    writeFileSync(at('sh'), script);
    writeSync(this.#requests, `${id}\n`);
    const code = await eventually(
      `the end of ${id}`,
      () => (existsSync(at('code')) ? readFileSync(at('code'), 'utf8').trim() : undefined),
      20_000,
    );
    if (code !== '0') throw new Error(`the stimulus ended with ${code}: ${readFileSync(at('said'), 'utf8')}`);
  }

  close(): void {
    closeSync(this.#requests);
  }
}

/** Compiles `act.c` statically, so that it runs in every container. */
function compile(folder: string): void {
  const sources = ['act.c', 'act-network.c'].map((name) => fileURLToPath(new URL(name, import.meta.url)));
  execFileSync('cc', ['-O2', '-static', '-Wall', '-Wextra', '-Werror', ...sources, '-o', join(folder, 'act')]);
  symlinkSync('act', join(folder, MARK));
}

async function startHost(folder: string): Promise<{ readonly pid: number; readonly desk: Desk }> {
  const path = join(folder, 'host');
  const desk = new Desk(path);
  mkdirSync(join(folder, 'layers'));
  writeFileSync(
    join(path, 'server.sh'),
    `${hostScript(folder)}\necho $$ >${path}/pid.new\nmv ${path}/pid.new ${path}/pid\n${server}`,
  );
  // Twice in the background, so that it is no descendant of this process: rules look at all ancestors.
  const line = `setsid unshare --mount --net sh ${path}/server.sh ${path} >${path}/said 2>&1 </dev/null &`;
  await run('sh', ['-c', line]);
  const pid = await eventually('the place on the host', () =>
    existsSync(join(path, 'pid')) ? Number(readFileSync(join(path, 'pid'), 'utf8')) : undefined,
  ).catch((cause: unknown) => {
    throw new Error(readFileSync(join(path, 'said'), 'utf8'), { cause });
  });
  return { pid, desk };
}

const optionsOf: Readonly<Record<ContainerName, readonly string[]>> = {
  plain: ['--security-opt', 'seccomp=unconfined'],
  privileged: ['--privileged'],
  pod: [
    ...['--label', 'io.kubernetes.pod.namespace=stimuli', '--label', 'io.kubernetes.pod.name=stimulus'],
    ...['--label', 'io.kubernetes.pod.uid=5a1c9d6e-0000-4000-8000-000000000000'],
    ...['--label', 'io.kubernetes.container.name=main'],
  ],
};

export async function openStage(): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'lanner-stimuli-'));
  const programs = join(folder, 'programs');
  const prefix = `stimuli-${process.pid}-`;
  mkdirSync(programs);
  compile(programs);
  mkdirSync(join(folder, 'engine'));
  const engine = await startOwnEngine(join(folder, 'engine'));
  const shared = ['--network', 'none', '--volume', `${folder}/programs:${folder}/programs`];
  const desks = new Map<ContainerName, Desk>();

  const inContainer = async (name: ContainerName): Promise<Desk> => {
    const known = desks.get(name);
    if (known !== undefined) return known;
    const path = join(folder, name);
    const desk = new Desk(path);
    desks.set(name, desk);
    writeFileSync(join(path, 'server.sh'), server);
    const command = [image, 'sh', `${path}/server.sh`, path];
    const volume = ['--volume', `${path}:${path}`];
    await engine.docker(
      'run',
      '--detach',
      '--name',
      prefix + name,
      ...shared,
      ...volume,
      ...optionsOf[name],
      ...command,
    );
    const pid = await engine.docker('inspect', '--format', '{{.State.Pid}}', prefix + name);
    await run('nsenter', ['--target', pid, '--net', 'sh', '-c', networkScript]);
    return desk;
  };

  const { pid: hostPid, desk: hostDesk } = await startHost(folder).catch(async (cause: unknown) => {
    await engine.close();
    throw cause;
  });

  const perform = async ({ place, script }: Stimulus, id: string): Promise<void> => {
    const base = bases(folder)[place.kind];
    const text = scriptOf(folder, script, id, base);
    switch (place.kind) {
      case 'host':
        return hostDesk.perform(id, text);
      case 'inside':
        return (await inContainer(place.container)).perform(id, text);
      case 'first': {
        const named = ['run', '--rm', '--name', prefix + id, ...shared, ...place.options];
        await engine.docker(...named, image, 'sh', '-c', text);
        return;
      }
      case 'exec': {
        await inContainer('plain');
        await engine.docker('exec', ...place.options, `${prefix}plain`, 'sh', '-c', text);
        return;
      }
    }
  };

  const close = async (): Promise<void> => {
    process.kill(-hostPid, 'SIGKILL');
    for (const desk of [hostDesk, ...desks.values()]) desk.close();
    for (const name of desks.keys()) await engine.docker('rm', '--force', prefix + name);
    await engine.close();
    rmSync(folder, { recursive: true, force: true });
  };
  return { folder, engine, hostPid, prefix, run: perform, close };
}
