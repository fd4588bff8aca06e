import type { Alert, AlertFieldValue, Priority } from '#rules/alert';
import { visibleLine } from '../clients/visible.ts';

/** What people want to know of an alert, ready to be shown: no control characters. */
export type Told = {
  readonly title: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
};

/** Those worth a line of their own, in this order, where the alert has them. */
const shownFields = [
  'container.name',
  'container.image.repository',
  'k8s.ns.name',
  'k8s.pod.name',
  'user.name',
  'proc.cmdline',
  'proc.pname',
  'fd.name',
] as const;

export function tellOf(alert: Alert): Told {
  const { output_fields: found } = alert;
  const fields = shownFields.flatMap((name): [string, string][] => {
    const value = showValue(found[name]);
    return value === undefined ? [] : [[name, value]];
  });
  const host = hostOf(alert);
  return {
    title: visibleLine(`${alert.priority}: ${alert.rule}`),
    fields: [...(host === undefined ? [] : [['host', visibleLine(host)] as const]), ...fields],
  };
}

/** `undefined`: nobody said where it happened. */
export function hostOf({ hostname, lanner }: Alert): string | undefined {
  const host = lanner?.node ?? hostname;
  return host === '' ? undefined : host;
}

export function showValue(value: AlertFieldValue | undefined): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  return visibleLine(Array.isArray(value) ? value.map(String).join(', ') : String(value));
}

/** Red to grey. */
export function colorOf(priority: Priority): string {
  switch (priority) {
    case 'Emergency':
    case 'Alert':
    case 'Critical':
      return '#B3261E';
    case 'Error':
      return '#D9480F';
    case 'Warning':
      return '#E0A100';
    case 'Notice':
      return '#1C6DD0';
    case 'Informational':
    case 'Debug':
      return '#6B7280';
  }
}
