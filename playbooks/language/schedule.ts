import type { Schedule } from './playbook.ts';

/** `undefined`: it may start now. */
export function whyNotNow({ zone, hours, maintenance }: Schedule, nowMs: number): string | undefined {
  const window = maintenance.find(({ fromMs, toMs }) => fromMs <= nowMs && nowMs < toMs);
  if (window !== undefined) {
    const until = new Date(window.toMs).toISOString();
    return `maintenance until ${until}${window.reason === '' ? '' : `: ${window.reason}`}`;
  }
  if (hours === undefined) return undefined;
  const { day, minute } = clockIn(zone, nowMs);
  const yesterday = (day + 6) % 7;
  const isOpen = hours.some(({ days, from, to }) =>
    from <= to
      ? days.includes(day) && from <= minute && minute < to
      : (days.includes(day) && from <= minute) || (days.includes(yesterday) && minute < to),
  );
  return isOpen ? undefined : `outside its hours (${zone})`;
}

const shortDays = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

/** Day of the week, from 0, Monday, and minute of the day. */
function clockIn(zone: string, nowMs: number): { readonly day: number; readonly minute: number } {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  const parts = new Map(format.formatToParts(nowMs).map(({ type, value }) => [type, value]));
  const minute = Number(parts.get('hour')) * 60 + Number(parts.get('minute'));
  return { day: shortDays.indexOf(parts.get('weekday') ?? ''), minute };
}
