const MOST = 1_000;
const USUAL = 100;

/** `?limit=N`: 1 to 1,000, 100 when it is missing or no number. */
export function readCount(text: string | undefined): number {
  return text !== undefined && /^\d{1,6}$/.test(text) ? Math.min(Math.max(Number(text), 1), MOST) : USUAL;
}
