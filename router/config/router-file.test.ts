import { describe, expect, it } from 'vitest';
import { renderDiagnostic } from '#rules/language/diagnostic';
import { outwardCatalogue } from '../actions/all.ts';
import { s3Schema } from '../clients/s3.ts';
import { emptyRouterFile, readRouterFile } from './router-file.ts';

const kinds = new Map([...outwardCatalogue].map(([name, { sender }]) => [name, sender.settings] as const));
const read = (text: string) => readRouterFile({ path: 'router.yaml', text }, kinds, s3Schema);

describe("the router's configuration file", () => {
  it('names destinations, and leaves secrets as references', () => {
    const text = `
destinations:
  on-call:
    page: { service: pagerduty, routing_key: "%{secret.KEY}" }
    rate: { count: 2, per: 1m }
    retry: { backoff: 2s }
  hook:
    webhook: { url: "%{secret.URL}" }
`;
    expect(read(text)).toMatchObject({
      ok: true,
      file: {
        destinations: [
          {
            name: 'on-call',
            kind: 'page',
            settings: { service: 'pagerduty', routing_key: '%{secret.KEY}' },
            rate: { count: 2, perMs: 60_000 },
            timeoutMs: 15_000,
            retry: { backoffMs: 2_000, mostMs: 300_000, giveUpMs: 86_400_000 },
            breaker: { failures: 5, restMs: 15_000 },
            mostWaiting: 50_000,
          },
          { name: 'hook', kind: 'webhook', settings: { url: '%{secret.URL}' } },
        ],
      },
    });
  });

  it.for(['', '# nothing\n', 'destinations: {}\n'])('may be empty: %j', (text) => {
    expect(read(text)).toEqual({ ok: true, file: emptyRouterFile });
  });

  it.for([
    {
      text: 'destination: {}\n',
      says: 'router.yaml:1:1: error[LOAD_ERR_YAML_VALIDATE]: unknown key destination; did you mean destinations?',
    },
    { text: 'destinations:\n  A: { webhook: { url: "http://h" } }\n', says: 'a destination is named by small letters' },
    {
      text: 'destinations:\n  a: { timeout: 5s }\n',
      says: 'a: expected exactly one of page, chat, webhook, email, function, siem',
    },
    {
      text: 'destinations:\n  a: { webhook: { url: "http://h" }, chat: { service: slack, url: "http://h" } }\n',
      says: 'a: expected exactly one of',
    },
    { text: 'destinations:\n  a: { webhook: { url: "ftp://h" } }\n', says: 'expected a URL with http or https' },
    { text: 'destinations:\n  a: { webhook: { ulr: "http://h" } }\n', says: 'unknown key ulr; did you mean url?' },
    { text: 'destinations:\n  a: { webhook: { url: "http://h" }, tiemout: 5s }\n', says: 'did you mean timeout?' },
    {
      text: 'destinations:\n  a: { webhook: { url: "http://h" }, timeout: 5 }\n',
      says: 'expected a time such as 500ms',
    },
    { text: 'evidence: { most: 5 }\n', says: 'unknown key most' },
    {
      text: 'evidence: { s3: { url: "http://h", bucket: abc, region: x, access_key_id: a, secret: b } }\n',
      says: 'unknown key secret',
    },
    {
      text: 'evidence: { s3: { url: "ftp://h", bucket: abc, region: x } }\n',
      says: 'expected a URL with http or https',
    },
  ])('says what is wrong with $text', ({ text, says }) => {
    const result = read(text);
    expect(result.ok ? '' : result.errors.map(renderDiagnostic).join('\n')).toContain(says);
  });
});
