export type LogLevel = 'error' | 'warn' | 'info' | 'debug';
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;
/** What happened, in lower case, and its details as fields. Never put a secret or a whole alert into a log. */
export type Log = (level: LogLevel, message: string, fields?: LogFields) => void;

const order: readonly LogLevel[] = ['error', 'warn', 'info', 'debug'];

/** Control characters and bidi marks of foreign text would let an attacker rewrite the operator's terminal. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A log that writes a line to standard error: text on a terminal, JSON elsewhere. `part` names the program's part. */
export function makeLog(part: string, most: LogLevel = 'info', form: 'text' | 'json' = process.stderr.isTTY ? 'text' : 'json'): Log {
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
