import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';

/** Exit codes of every `lanner` command; `README.md` documents them. */
export const exitCodes = {
  ok: 0,
  /** What was checked, tested or asked for has errors. */
  failed: 1,
  /** The command line itself is wrong. */
  usage: 2,
  /** A bug of ours. */
  bug: 70,
  /** This machine lacks what the command needs: root, BTF, Redis, … */
  unsupported: 77,
} as const;

/** One command of the command line. Its module is loaded only when it is asked for. */
export type Command = {
  /** The words that select it: `rules check`. */
  readonly name: string;
  readonly summary: string;
  /** What follows the name: `FILE|DIR… [--json]`. */
  readonly usage: string;
  /** Resolves to the exit code. */
  run(args: readonly string[]): Promise<number>;
};

/** The command line cannot be read: `main` prints the message with the usage and exits with 2. */
export class UsageError extends Error {}

/** `parseArgs`, strict, with its errors turned into UsageErrors. */
export function readArgs<const T extends ParseArgsOptionsConfig>(args: readonly string[], options: T) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}
