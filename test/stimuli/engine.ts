import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { nameCapabilities } from '../../agent/fields/capabilities.ts';
import { docker, image } from '../support/docker.ts';
import { eventually } from '../support/eventually.ts';

const run = promisify(execFile);

/** A Docker engine of the test's own, with the image of the tests. */
export type OwnEngine = {
  readonly socket: string;
  /** Its data-root. */
  readonly data: string;
  docker(...args: readonly string[]): Promise<string>;
  close(): Promise<void>;
};

/**
 * Runs runc, but takes the capabilities that root lacks on this machine out of a container's specification first.
 * Otherwise no privileged container starts in a virtual machine whose root is limited.
 */
function runtimeWithin(held: bigint): string {
  const all = (1n << 64n) - 1n;
  const lacking = nameCapabilities(all & ~held)
    .split(' ')
    .filter((name) => name !== '');
  const edits = lacking.flatMap((name) => [`-e 's/"${name}",//g'`, `-e 's/,"${name}"//g'`]);
  return `#!/bin/sh
previous=
for word; do
  [ "$previous" != --bundle ] || sed -i ${edits.join(' ')} "$word/config.json"
  previous=$word
done
exec runc "$@"
`;
}

function heldCapabilities(): bigint {
  const [, digits] = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? [];
  return BigInt(`0x${digits}`);
}

/** Starts `dockerd` with all that it keeps below `folder`, which must be new. */
export async function startOwnEngine(folder: string): Promise<OwnEngine> {
  const socket = join(folder, 'docker.sock');
  const wrapper = join(folder, 'runtime.sh');
  writeFileSync(wrapper, runtimeWithin(heldCapabilities()), { mode: 0o755 });
  const at = (name: string) => join(folder, name);
  // Not this machine's own configuration: a setting that stands in both is refused.
  writeFileSync(at('daemon.json'), '{}');
  const log = openSync(at('log'), 'w');
  // It ends with this process, however that ends.
  const daemon = spawn(
    'setpriv',
    [
      // A network of its own: with --bridge none, dockerd deletes the machine's docker0.
      ...['--pdeathsig', 'TERM', 'unshare', '--net', 'dockerd'],
      ...[
        '--config-file',
        at('daemon.json'),
        '--host',
        `unix://${socket}`,
        '--data-root',
        at('data'),
        '--exec-root',
        at('exec'),
        '--pidfile',
        at('pid'),
      ],
      ...['--bridge', 'none', '--iptables=false', '--ip6tables=false'],
      ...['--add-runtime', `within=${wrapper}`, '--default-runtime', 'within'],
    ],
    { stdio: ['ignore', log, log], detached: true },
  );
  closeSync(log);
  const ended = once(daemon, 'exit');
  const ask = async (...args: readonly string[]): Promise<string> => {
    const { stdout } = await run('docker', ['--host', `unix://${socket}`, ...args], { timeout: 60_000 });
    return stdout.trim();
  };
  const close = async (): Promise<void> => {
    daemon.kill('SIGTERM');
    if (daemon.exitCode === null) await ended;
  };
  try {
    await eventually('dockerd', () => ask('version').catch(() => (daemon.exitCode === null ? undefined : 'ended')));
    const archive = at('image.tar');
    await docker('save', '--output', archive, image);
    await ask('load', '--input', archive);
  } catch (cause) {
    await close();
    throw new Error(`the test's own dockerd:\n${readFileSync(at('log'), 'utf8').slice(-2_000)}`, { cause });
  }
  return { socket, data: at('data'), docker: ask, close };
}
