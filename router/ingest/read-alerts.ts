import { type Alert, alertSchema } from '#rules/alert';
import { parseAlertJson } from '#rules/alert-json';

export type ReadAlerts =
  | { readonly ok: true; readonly alerts: readonly Alert[] }
  | { readonly ok: false; readonly error: string };

/** Alerts in one request. */
const MOST_ALERTS = 5_000;

/**
 * Reads a body: one alert, an array of them, or one a line (NDJSON). One wrong alert refuses all, and the error names
 * the alert and the key: `[3].rule: expected string`.
 */
export function readAlerts(body: string): ReadAlerts {
  const parsed = parseBody(body);
  if (!parsed.ok) return parsed;
  const { values, isMany } = parsed;
  if (values.length === 0) return { ok: false, error: 'expected an alert, an array of alerts, or one alert a line' };
  if (values.length > MOST_ALERTS)
    return { ok: false, error: `expected at most ${MOST_ALERTS} alerts in one request, found ${values.length}` };
  const alerts: Alert[] = [];
  for (const [index, value] of values.entries()) {
    const read = alertSchema.safeParse(value);
    if (!read.success) return { ok: false, error: describe(read.error.issues, isMany ? index : undefined) };
    alerts.push(read.data);
  }
  return { ok: true, alerts };
}

type Parsed =
  | { readonly ok: true; readonly values: readonly unknown[]; readonly isMany: boolean }
  | { readonly ok: false; readonly error: string };

function parseBody(body: string): Parsed {
  const text = body.trim();
  if (text === '') return { ok: true, values: [], isMany: false };
  const whole = parseJson(text);
  if (whole.ok)
    return Array.isArray(whole.value)
      ? { ok: true, values: whole.value, isMany: true }
      : { ok: true, values: [whole.value], isMany: false };
  const values: unknown[] = [];
  const lines = text.split('\n');
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue;
    const read = parseJson(line);
    if (!read.ok)
      return {
        ok: false,
        error: lines.length === 1 ? `not JSON: ${read.error}` : `line ${index + 1} is not JSON: ${read.error}`,
      };
    values.push(read.value);
  }
  return { ok: true, values, isMany: true };
}

function parseJson(
  text: string,
): { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: string } {
  try {
    return { ok: true, value: parseAlertJson(text) };
  } catch (error) {
    return { ok: false, error: error instanceof Error ? error.message.slice(0, 200) : String(error) };
  }
}

type Issue = { readonly path: readonly PropertyKey[]; readonly message: string };

/** `[3].output_fields.x: expected string`; `rule: …` when the body is one alert. */
function describe(issues: readonly Issue[], index: number | undefined): string {
  const [issue] = issues;
  const path = (issue?.path ?? [])
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`))
    .join('');
  const place = index === undefined ? path.replace(/^\./, '') : `[${index}]${path}`;
  const message = (issue?.message ?? 'not an alert').replace(/^Invalid input: /, '');
  return place === '' ? message : `${place}: ${message}`;
}
