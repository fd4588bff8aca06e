import { printable } from '../language/printable.ts';

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;
/** What happened, in lower case, and its details as fields. Never put a secret or a whole alert into a log. */
export type Log = (level: LogLevel, message: string, fields?: LogFields) => void;

const order: readonly LogLevel[] = ['error', 'warn', 'info', 'debug'];

/** A log that writes a line to standard error: text on a terminal, JSON elsewhere. `part` names the program's part. */
export function makeLog(
  part: string,
  most: LogLevel = 'info',
  form: 'text' | 'json' = process.stderr.isTTY ? 'text' : 'json',
): Log {
  return (level, message, fields = {}) => {
    if (order.indexOf(level) > order.indexOf(most)) return;
    if (form === 'json') {
      process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), level, part, message, ...fields })}\n`);
      return;
    }
    const details = Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => ` ${key}=${printable(String(value))}`)
      .join('');
    process.stderr.write(`${part}: ${level === 'info' ? '' : `${level}: `}${printable(message)}${details}\n`);
  };
}
