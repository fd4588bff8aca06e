import { known, type SiemEvent, techniquesOf } from './event.ts';

/** Detection Finding of the Open Cybersecurity Schema Framework. */
const VERSION = '1.3.0';
const CLASS = 2_004;
const CREATE = 1;
const names = ['Unknown', 'Informational', 'Low', 'Medium', 'High', 'Critical', 'Fatal'] as const;

export function ocsfOf(event: SiemEvent): Record<string, unknown> {
  const { alert, id, host, text, number } = event;
  const severity = severityFor(event.severity);
  const techniques = techniquesOf(alert).map((uid) => ({ version: '15.1', technique: { uid } }));
  const container = known({
    uid: alert.lanner?.container?.id ?? text('container.id'),
    name: text('container.name'),
    image: known({
      name: text('container.image.repository'),
      uid: text('container.image.digest'),
      tag: text('container.image.tag'),
    }),
    pod_uuid: text('k8s.pod.uid'),
  });
  const process = known({
    pid: number('proc.pid'),
    name: text('proc.name'),
    cmd_line: text('proc.cmdline'),
    file:
      text('proc.exepath') === undefined
        ? undefined
        : { name: baseName(text('proc.exepath')), path: text('proc.exepath'), type_id: 1 },
    parent_process: known({ pid: number('proc.ppid'), name: text('proc.pname') }),
    user: known({ name: text('user.name'), uid: text('user.uid') }),
    container,
  });
  return (
    known({
      activity_id: CREATE,
      activity_name: 'Create',
      category_uid: 2,
      category_name: 'Findings',
      class_uid: CLASS,
      class_name: 'Detection Finding',
      type_uid: CLASS * 100 + CREATE,
      type_name: 'Detection Finding: Create',
      time: event.timeMs,
      severity_id: severity,
      severity: names[severity],
      status_id: 1,
      status: 'New',
      message: alert.output,
      metadata: {
        version: VERSION,
        uid: id,
        product: { name: 'Lanner', vendor_name: 'Lanner' },
        labels: alert.tags,
        profiles: host === undefined ? ['container'] : ['container', 'host'],
      },
      finding_info: {
        uid: id,
        title: alert.rule,
        desc: alert.output,
        created_time: event.timeMs,
        analytic: { name: alert.rule, type: 'Rule', type_id: 1 },
        ...(techniques.length === 0 ? {} : { attacks: techniques }),
      },
      device: host === undefined ? undefined : { hostname: host, type_id: 1, type: 'Server' },
      evidences: process === undefined ? undefined : [{ process }],
      resources:
        known({ pod: text('k8s.pod.name') }) === undefined
          ? undefined
          : [{ type: 'pod', name: text('k8s.pod.name'), namespace: text('k8s.ns.name') }],
      unmapped: known({ source: alert.source, priority: alert.priority, playbook: event.playbook }),
    }) ?? {}
  );
}

/** Fatal, Critical, High, Medium, Low, Informational. */
function severityFor(syslog: number): number {
  return [6, 5, 5, 4, 3, 2, 1, 1][syslog] ?? 0;
}

function baseName(path: string | undefined): string | undefined {
  return path?.split('/').at(-1);
}
