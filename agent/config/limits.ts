import * as z from 'zod';

/** Less is what the agent needs when nothing happens. */
const LEAST_PERCENT = 1;
const MOST_PERCENT = 6_400;

/** `10%` of one core → 0.1. */
export const cpuLimit = z.string('expected a share of one core such as 10%').transform((text, context): number => {
  const percent = /^\d+(\.\d+)?%$/.test(text) ? Number.parseFloat(text) : Number.NaN;
  if (percent >= LEAST_PERCENT && percent <= MOST_PERCENT) return percent / 100;
  context.addIssue(`expected a share of one core such as 10%, at least ${LEAST_PERCENT}%`);
  return z.NEVER;
});

export type ListenAddress = { readonly host: string; readonly port: number };

/** `127.0.0.1:9475`, `[::1]:9475`, `localhost:9475`. */
export const listenAddress = z.string().transform((text, context): ListenAddress => {
  const [, six, host = six, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (host !== undefined && port <= 65_535) return { host, port };
  context.addIssue('expected an address and a port, such as 127.0.0.1:9475');
  return z.NEVER;
});
