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
  const url = values.router ?? `http://${DEFAULT_LISTEN}`;
  if (!URL.canParse(url) || !/^https?:/.test(url))
    throw new UsageError(`--router ${JSON.stringify(url)}: expected a URL such as http://${DEFAULT_LISTEN}`);
  const file = resolve(values['token-file'] ?? join(values.data ?? defaultDataFolder(), 'token'));
  return async (path, body) => {
    let token: string;
    try {
      token = readFileSync(file, 'utf8').trim();
    } catch (error) {
      return { ok: false, reason: `no token: ${error instanceof Error ? error.message : String(error)}` };
    }
    try {
      const answer = await fetch(new URL(path, url), {
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { method: 'POST', body }),
      });
      const text = await answer.text();
      return answer.ok ? { ok: true, text } : { ok: false, reason: `${url} answered ${answer.status}: ${text}` };
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      return { ok: false, reason: `${url}: ${cause instanceof Error ? cause.message : String(cause)}` };
    }
  };
}
