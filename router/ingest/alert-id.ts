import { createHash } from 'node:crypto';
import type { Alert } from '#rules/alert';

/**
 * The id of an alert: its node's own, or, for one that Falco or Falcosidekick sends, a hash of what makes it this
 * alert, so that a sender's repeat is recognised.
 */
export function alertIdOf(alert: Alert): string {
  if (alert.lanner !== undefined) return alert.lanner.id;
  const { rule, time, hostname, output, source } = alert;
  const hex = createHash('sha256')
    .update(JSON.stringify([rule, time, hostname, output, source]))
    .digest('hex');
  // Version 8 (RFC 9562): a UUID of the maker's own form.
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
