import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, watch, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type Stop, stopSchema } from '#playbooks/command';

/** Whose word it is: said on this node, or by the router for all of them. Either one stops the node. */
export type StopSource = 'node' | 'router';

const files: Readonly<Record<StopSource, string>> = { node: 'responding-stopped', router: 'responding-stopped.router' };
/** Where a file system reports no changes, this is how often it is asked. */
const LOOK_MS = 500;

/** The stop that lies in the data folder; `undefined`: this node responds. A file that cannot be read means stop. */
export function readStop(dataFolder: string): (Stop & { readonly source: StopSource }) | undefined {
  for (const source of ['node', 'router'] as const) {
    let text: string;
    try {
      text = readFileSync(join(dataFolder, files[source]), 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) continue;
      return { source, since_ms: 0, reason: `its file cannot be read: ${String(error)}`, by: 'unknown' };
    }
    return { source, ...parseStop(text) };
  }
  return undefined;
}

/** Whatever stands in the file, its being there is what counts: `touch` on a broken machine does it. */
function parseStop(text: string): Stop {
  try {
    return stopSchema.parse(JSON.parse(text));
  } catch {
    return { since_ms: 0, reason: 'no reason given', by: 'unknown' };
  }
}

/** Returns when it is on the disk; throws when it cannot be written. */
export function writeStop(dataFolder: string, source: StopSource, stop: Stop | undefined): void {
  const path = join(dataFolder, files[source]);
  if (stop === undefined) rmSync(path, { force: true });
  else {
    writeFileSync(`${path}.next`, `${JSON.stringify(stop)}\n`, { mode: 0o644, flush: true });
    renameSync(`${path}.next`, path);
  }
  const folder = openSync(dirname(path), 'r');
  fsyncSync(folder);
  closeSync(folder);
}

export type OffSwitch = {
  stop(): (Stop & { readonly source: StopSource }) | undefined;
  /** The router's word; kept on disk, so that it holds while the router cannot be reached. */
  fromRouter(stop: Stop | undefined): void;
  close(): void;
};

export type OffSwitchOptions = {
  readonly dataFolder: string;
  readonly changed: (stop: ReturnType<OffSwitch['stop']>) => void;
  readonly unwritable: (reason: string) => void;
};

/** Follows the files, so that a word said on this node holds within a second without the router. */
export function openOffSwitch({ dataFolder, changed, unwritable }: OffSwitchOptions): OffSwitch {
  let held: Stop | undefined;
  let known = readStop(dataFolder);
  const look = () => {
    const now = readStop(dataFolder) ?? (held && { ...held, source: 'router' as const });
    const isSame = JSON.stringify(now) === JSON.stringify(known);
    known = now;
    if (!isSame) changed(now);
  };
  const timer = setInterval(look, LOOK_MS);
  timer.unref();
  const watcher = watchFolder(dataFolder, look);
  return {
    // Asked anew each time: nothing is killed because a change was not reported yet.
    stop() {
      look();
      return known;
    },
    fromRouter(stop) {
      held = undefined;
      try {
        writeStop(dataFolder, 'router', stop);
      } catch (error) {
        // A full disk: it holds until the agent ends, and the router says it again at the next connection.
        unwritable(error instanceof Error ? error.message : String(error));
        held = stop;
      }
      look();
    },
    close() {
      clearInterval(timer);
      watcher?.close();
    },
  };
}

function watchFolder(folder: string, look: () => void) {
  try {
    const watcher = watch(folder, { persistent: false }, (_, name) => {
      if (name !== null && basename(name).startsWith(files.node)) look();
    });
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    return undefined; // No folder yet, or no inotify: the timer looks.
  }
}
