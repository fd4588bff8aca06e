import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { UsageError } from '#rules/cli/command-line';
import { DEFAULT_LISTEN, defaultDataFolder } from '../config/options.ts';

/** Options of the commands that ask a running router. */
export const apiOptions = {
  router: { type: 'string' },
  data: { type: 'string' },
  'token-file': { type: 'string' },
} as const;

export const API_USAGE = '[--router URL] [--data DIR] [--token-file F]';

/** `body` is JSON text. */
export type RouterApi = (path: string, body?: string) => Promise<ApiAnswer>;
export type ApiAnswer = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly reason: string };

type ApiValues = {
  readonly router?: string | undefined;
  readonly data?: string | undefined;
  readonly 'token-file'?: string | undefined;
};

/** Asks the router that runs at this address, with the token of its data folder. */
export function makeRouterApi(values: ApiValues): RouterApi {
  const ask = makeRouterAsk(values);
  return async (path, body) => {
    const asked = await ask(path, body === undefined ? {} : { method: 'POST', body });
    if (!asked.ok) return asked;
    try {
      return { ok: true, text: await asked.answer.text() };
    } catch (error) {
      return { ok: false, reason: `the answer broke off: ${reasonOf(error)}` };
    }
  };
}

type AskedRouter = { readonly ok: true; readonly answer: Response } | { readonly ok: false; readonly reason: string };

/** The same for answers that are no text. */
export function makeRouterAsk(values: ApiValues): (path: string, request?: RequestInit) => Promise<AskedRouter> {
  const url = values.router ?? `http://${DEFAULT_LISTEN}`;
  if (!URL.canParse(url) || !/^https?:/.test(url))
    throw new UsageError(`--router ${JSON.stringify(url)}: expected a URL such as http://${DEFAULT_LISTEN}`);
  const file = resolve(values['token-file'] ?? join(values.data ?? defaultDataFolder(), 'token'));
  return async (path, request = {}) => {
    let token: string;
    try {
      token = readFileSync(file, 'utf8').trim();
    } catch (error) {
      return { ok: false, reason: `no token: ${reasonOf(error)}` };
    }
    try {
      const answer = await fetch(new URL(path, url), {
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        ...request,
      });
      if (answer.ok) return { ok: true, answer };
      return { ok: false, reason: `${url} answered ${answer.status}: ${await answer.text()}` };
    } catch (error) {
      return { ok: false, reason: `${url}: ${reasonOf(error)}` };
    }
  };
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error ? cause.message : String(cause);
}
