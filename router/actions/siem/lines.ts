import type { SiemEvent } from './event.ts';

const VERSION = '0.1.0';

/** What these formats have names for. */
function extensionOf({ alert, id, host, text, timeMs }: SiemEvent) {
  return {
    id,
    timeMs,
    host,
    message: alert.output,
    category: alert.source,
    user: text('user.name'),
    process: text('proc.name'),
    pid: text('proc.pid'),
    command: text('proc.cmdline'),
    file: text('fd.name'),
    container: alert.lanner?.container?.id ?? text('container.id'),
    image: text('container.image.repository'),
    pod: text('k8s.pod.name'),
    namespace: text('k8s.ns.name'),
    tags: alert.tags.length === 0 ? undefined : alert.tags.join(','),
  };
}

/** 10 (Emergency) to 0 (Debug). */
function severityFor(syslog: number): number {
  return [10, 9, 8, 7, 5, 3, 1, 0][syslog] ?? 0;
}

/** ArcSight's Common Event Format, version 0. In the header `\` and `|` are escaped, in values `\`, `=` and line ends. */
export function cefOf(event: SiemEvent): string {
  const { rule } = event.alert;
  const found = extensionOf(event);
  const extension: readonly (readonly [string, string | number | undefined])[] = [
    ['rt', found.timeMs],
    ['externalId', found.id],
    ['dvchost', found.host],
    ['cat', found.category],
    ['suser', found.user],
    ['sproc', found.process],
    ['spid', found.pid],
    ['filePath', found.file],
    ...labelled('cs1', 'commandLine', found.command),
    ...labelled('cs2', 'containerId', found.container),
    ...labelled('cs3', 'image', found.image),
    ...labelled('cs4', 'pod', found.pod),
    ...labelled('cs5', 'namespace', found.namespace),
    ...labelled('cs6', 'tags', found.tags),
    ['msg', found.message],
  ];
  const head = ['CEF:0', 'Lanner', 'Lanner', VERSION, rule, rule, String(severityFor(event.severity))];
  const values = extension.flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${cefValue(String(value))}`],
  );
  return `${head.map(cefHeader).join('|')}|${values.join(' ')}`;
}

function labelled(key: string, label: string, value: string | undefined): readonly (readonly [string, string])[] {
  return value === undefined || value === ''
    ? []
    : ([
        [`${key}Label`, label],
        [key, value],
      ] as const);
}

function cefHeader(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}]+/gu, ' ').replace(/[\\|]/g, '\\$&');
}

function cefValue(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .replace(/[\\=]/g, '\\$&')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replace(/[\p{Cc}\p{Bidi_Control}]/gu, ' ');
}

/** IBM's Log Event Extended Format 2.0, a tab between the parts. It knows no escapes: what would end a part becomes a space. */
export function leefOf(event: SiemEvent): string {
  const found = extensionOf(event);
  const parts = {
    devTime: new Date(found.timeMs).toISOString(),
    devTimeFormat: "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'",
    cat: found.category,
    sev: Math.max(1, severityFor(event.severity)),
    identHostName: found.host,
    usrName: found.user,
    eventId: found.id,
    processName: found.process,
    processId: found.pid,
    commandLine: found.command,
    filePath: found.file,
    containerId: found.container,
    image: found.image,
    pod: found.pod,
    namespace: found.namespace,
    tags: found.tags,
    msg: found.message,
  };
  const plain = (text: string): string => text.replace(/[\p{Cc}\p{Bidi_Control}]+/gu, ' ');
  const head = ['LEEF:2.0', 'Lanner', 'Lanner', VERSION, plain(event.alert.rule).replace(/[|^\\]/g, '/'), 'x09'];
  const values = Object.entries(parts).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${plain(String(value))}`],
  );
  return `${head.join('|')}|${values.join('\t')}`;
}
