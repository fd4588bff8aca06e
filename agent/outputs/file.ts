import { createWriteStream } from 'node:fs';
import { falcoJson } from '../alerts/falco-json.ts';
import type { FalcoJsonParts } from '../config/json-parts.ts';
import type { Output } from './output.ts';

const MOST_BEHIND_BYTES = 64 * 1024 * 1024;

/** Appends one Falco JSON line an alert to a file that only its owner may read. */
export function makeFile(path: string, parts: FalcoJsonParts, failed: (reason: string) => void): Output {
  const stream = createWriteStream(path, { flags: 'a', mode: 0o600 });
  let written = 0;
  let lost = 0;
  stream.on('error', (error) => failed(error.message));
  return {
    name: 'file',
    write(alert) {
      if (stream.destroyed || stream.writableLength > MOST_BEHIND_BYTES) {
        lost++;
        return;
      }
      stream.write(`${falcoJson(alert, parts)}\n`);
      written++;
    },
    counters: () => ({ written, held: stream.writableLength > 0 ? 1 : 0, lost }),
    close: (withinMs) =>
      new Promise((resolve) => {
        if (stream.destroyed || stream.closed) return resolve();
        const timer = setTimeout(resolve, withinMs);
        stream.end(() => {
          clearTimeout(timer);
          resolve();
        });
      }),
  };
}
