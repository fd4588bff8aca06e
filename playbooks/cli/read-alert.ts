import { readFileSync } from 'node:fs';
import { type Alert, alertSchema } from '#rules/alert';
import { parseAlertJson } from '#rules/alert-json';

export type ReadAlert = { readonly ok: true; readonly alert: Alert } | { readonly ok: false; readonly reason: string };

/** An alert in a file, as an agent, Falco, or `GET /api/alerts` writes it. */
export function readAlertFile(path: string): ReadAlert {
  try {
    const value: unknown = parseAlertJson(readFileSync(path, 'utf8'));
    const read = alertSchema.safeParse(value);
    if (read.success) return { ok: true, alert: read.data };
    const [issue] = read.error.issues;
    return { ok: false, reason: `${path}: ${issue?.path.join('.')}: ${issue?.message}` };
  } catch (error) {
    return { ok: false, reason: `${path}: ${error instanceof Error ? error.message : String(error)}` };
  }
}
