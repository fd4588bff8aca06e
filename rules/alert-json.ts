/** `JSON.rawJSON` is in Node 24; TypeScript's library does not know it yet. */
const { rawJSON } = JSON as typeof JSON & { readonly rawJSON: (text: string) => unknown };

/** JSON on one line in which integers beyond 2^53 keep all their digits, as Falco prints them. */
export function alertJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? rawJSON(String(inner)) : inner));
}
