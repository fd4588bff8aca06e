import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { Held } from './held.ts';
import { type Sink, settled, sparingly } from './sink.ts';

export type FileSettings = {
  readonly path: string;
  /** Another file is begun before this one grows larger; `undefined`: never. */
  readonly rotateBytes: number | undefined;
  /** Earlier files that are kept, as PATH.1 (the latest) to PATH.KEEP. */
  readonly keep: number;
};

const MOST_BATCH = 1_000;
const MOST_BATCH_BYTES = 1024 * 1024;
/** After a disk has refused. */
const RETRY_MS = 1_000;

/** Appends lines to a file that only its owner may read; one write takes all that wait. */
export function makeFile({ path, rotateBytes, keep }: FileSettings, failed: (reason: string) => void): Sink {
  const held = new Held();
  const say = sparingly(failed);
  let file: { readonly handle: FileHandle; bytes: number } | undefined;
  let written = 0;
  let lost = 0;
  let inFlight = 0;
  let isWriting = false;
  let wantsNew = false;
  let isClosed = false;

  const openFile = async (): Promise<{ readonly handle: FileHandle; bytes: number }> => {
    const handle = await open(path, 'a', 0o600);
    return { handle, bytes: (await handle.stat()).size };
  };
  const letGo = async (): Promise<void> => {
    const { handle } = file ?? {};
    file = undefined;
    await handle?.close();
  };
  const rotate = async (): Promise<void> => {
    await letGo();
    if (keep === 0) return rm(path, { force: true });
    for (let number = keep - 1; number >= 1; number--) await move(`${path}.${number}`, `${path}.${number + 1}`);
    await move(path, `${path}.1`);
  };
  /** Writes until nothing waits. Rejects when the file takes nothing; the lines wait on then. */
  const drain = async (): Promise<void> => {
    while (held.length > 0) {
      if (wantsNew) {
        wantsNew = false;
        await letGo();
      }
      file ??= await openFile();
      const room = rotateBytes === undefined ? MOST_BATCH_BYTES : rotateBytes - file.bytes;
      const lines = held.take(MOST_BATCH, Math.min(MOST_BATCH_BYTES, Math.max(1, room)));
      const bytes = Buffer.from(`${lines.join('\n')}\n`);
      inFlight = lines.length;
      try {
        if (rotateBytes !== undefined && file.bytes > 0 && file.bytes + bytes.length > rotateBytes) {
          await rotate();
          file = await openFile();
        }
        await writeAll(file, bytes);
        written += lines.length;
      } catch (error) {
        held.putBack(lines);
        throw error;
      } finally {
        inFlight = 0;
      }
    }
  };
  const pump = async (): Promise<void> => {
    if (isWriting) return;
    isWriting = true;
    try {
      await drain();
    } catch (error) {
      say(error instanceof Error ? error.message : String(error));
      await letGo().catch(() => undefined); // It is given up anyway.
      if (!isClosed) setTimeout(() => void pump(), RETRY_MS).unref();
    } finally {
      isWriting = false;
    }
  };
  return {
    send(line) {
      if (isClosed || !held.push(line)) lost++;
      else void pump();
    },
    counters: () => ({ written, held: held.length + inFlight, lost }),
    reopen() {
      wantsNew = true;
    },
    async close(withinMs) {
      if (isClosed) return;
      isClosed = true;
      void pump();
      await settled(() => held.length + inFlight === 0 && !isWriting, withinMs);
      await letGo().catch(() => undefined); // What it held is counted as held.
    },
  };
}

/** A write that was cut short (a full disk) leaves half a line: it is taken back, so that the next try makes whole ones. */
async function writeAll(file: { readonly handle: FileHandle; bytes: number }, bytes: Buffer): Promise<void> {
  let done = 0;
  try {
    while (done < bytes.length) done += (await file.handle.write(bytes, done)).bytesWritten;
  } catch (error) {
    if (done > 0) await file.handle.truncate(file.bytes);
    throw error;
  }
  file.bytes += bytes.length;
}

async function move(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}
