import { exitCodes } from '#rules/cli/command-line';

/**
 * This process anew with these flags of Node's, which hold from its first moment on. Whoever has given it a channel, which would not
 * survive that, is told the flags and starts it again (router/cli/child.ts).
 */
export async function beginAgain(flags: readonly string[]): Promise<number> {
  if (process.send === undefined)
    process.execve?.(process.execPath, [process.execPath, ...flags, ...process.argv.slice(1)]);
  await new Promise((resolve) => process.send?.({ kind: 'flags', flags }, resolve));
  return exitCodes.ok;
}
