/** Reads JSON; an integer that JavaScript would round becomes the text of its digits, which is all that is shown of it. */
export function readJson(text: string) {
  return JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) =>
    typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)
      ? (context?.source ?? value)
      : value,
  );
}
