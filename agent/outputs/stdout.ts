import type { Alert, Priority } from '#rules/alert';
import { printable } from '#rules/language/printable';
import { falcoJson } from '../alerts/falco-json.ts';
import type { FalcoJsonParts } from '../config/json-parts.ts';
import type { Output } from './output.ts';
import type { Sink } from './sink.ts';

export type StdoutForm = {
  readonly form: 'json' | 'text' | 'colour';
  readonly jsonParts: FalcoJsonParts;
};

/** A reader of standard output that is this far behind (a stopped pager, say) costs alerts, not the agent's memory. */
const MOST_BEHIND_BYTES = 64 * 1024 * 1024;

const colours: Readonly<Record<Priority, string>> = {
  Emergency: '\u001b[1;97;41m',
  Alert: '\u001b[1;97;41m',
  Critical: '\u001b[1;31m',
  Error: '\u001b[31m',
  Warning: '\u001b[33m',
  Notice: '\u001b[36m',
  Informational: '\u001b[37m',
  Debug: '\u001b[90m',
};

/** Falco's JSON, or `TIME: PRIORITY text`; without a line break. */
export function renderAlert(alert: Alert, { form, jsonParts }: StdoutForm): string {
  if (form === 'json') return falcoJson(alert, jsonParts);
  const line = printable(alert.output);
  return form === 'colour' ? `${colours[alert.priority]}${line}\u001b[0m` : line;
}

export function makeStdout(stream: NodeJS.WriteStream, form: StdoutForm): Output {
  const { send, ...sink } = makeStdoutSink(stream);
  return { name: 'stdout', write: (alert) => send(renderAlert(alert, form), 0), ...sink };
}

export function makeStdoutSink(stream: NodeJS.WriteStream): Sink {
  let written = 0;
  let lost = 0;
  // The reader went away: nothing more to do here, other outputs go on.
  stream.on('error', () => undefined);
  return {
    send(line) {
      if (stream.destroyed || stream.writableLength > MOST_BEHIND_BYTES) {
        lost++;
        return;
      }
      stream.write(`${line}\n`);
      written++;
    },
    counters: () => ({ written, held: stream.writableLength > 0 ? 1 : 0, lost }),
    reopen: () => undefined,
    close: (withinMs) =>
      new Promise((resolve) => {
        if (stream.destroyed || stream.writableLength === 0) return resolve();
        const timer = setTimeout(resolve, withinMs);
        stream.write('', () => {
          clearTimeout(timer);
          resolve();
        });
      }),
  };
}
