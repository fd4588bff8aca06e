import { known, type SiemEvent, techniquesOf } from './event.ts';

/** Elastic Common Schema. */
const VERSION = '8.17.0';

export function ecsOf(event: SiemEvent): Record<string, unknown> {
  const { alert, id, host, text, number, severity } = event;
  const techniques = techniquesOf(alert);
  const document = {
    '@timestamp': new Date(event.timeMs).toISOString(),
    ecs: { version: VERSION },
    event: {
      kind: 'alert',
      category: [text('fd.sip') === undefined && text('fd.rip') === undefined ? 'process' : 'network'],
      type: ['info'],
      action: alert.rule,
      // Larger is worse.
      severity: 100 - severity * 12,
      module: 'lanner',
      dataset: 'lanner.alerts',
      provider: alert.source,
      id,
    },
    rule: known({ name: alert.rule, ruleset: event.playbook }),
    message: alert.output,
    tags: alert.tags,
    log: { level: alert.priority.toLowerCase() },
    host: known({ name: host, hostname: host }),
    process: known({
      pid: number('proc.pid'),
      name: text('proc.name'),
      executable: text('proc.exepath'),
      command_line: text('proc.cmdline'),
      parent: known({ pid: number('proc.ppid'), name: text('proc.pname') }),
    }),
    container: known({
      id: alert.lanner?.container?.id ?? text('container.id'),
      name: text('container.name'),
      image: known({
        name: text('container.image.repository'),
        tag: tagsOf(text('container.image.tag')),
      }),
    }),
    orchestrator: known({
      namespace: text('k8s.ns.name'),
      type: text('k8s.pod.name') === undefined ? undefined : 'kubernetes',
      resource: known({ name: text('k8s.pod.name'), type: text('k8s.pod.name') === undefined ? undefined : 'pod' }),
    }),
    user: known({ id: text('user.uid'), name: text('user.name') }),
    file: known({ path: text('fs.path.name') ?? filePath(event) }),
    destination: known({ ip: text('fd.rip') }),
    threat: techniques.length === 0 ? undefined : { framework: 'MITRE ATT&CK', technique: { id: techniques } },
    lanner: known({ priority: alert.priority, playbook: event.playbook, output_fields: flat(event) }),
  };
  return known(document) ?? {};
}

function tagsOf(tag: string | undefined): readonly string[] | undefined {
  return tag === undefined ? undefined : [tag];
}

function filePath({ text }: SiemEvent): string | undefined {
  const name = text('fd.name');
  return name?.startsWith('/') === true ? name : undefined;
}

/** One field with names and values in it: a name of its own for each would fill an index with mappings. */
function flat({ alert }: SiemEvent): Record<string, string> {
  return Object.fromEntries(
    Object.entries(alert.output_fields).flatMap(([name, value]) => (value === null ? [] : [[name, String(value)]])),
  );
}
