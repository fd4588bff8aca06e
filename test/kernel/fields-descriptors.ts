import { at, connect, eventAndProcessRows, holds, missing, type Row, tuple } from './fields-table.ts';

const [exec, open] = [at('exec'), at('open')];
const S_MINOR_LOW = 0xff;

const descriptors: Readonly<Record<string, Row>> = {
  'fd.num': open(({ report }) => report('fd')),
  'fd.type': open('file'),
  'fd.typechar': open('f'),
  'fd.name': connect(tuple),
  'fd.directory': open(({ folder }) => folder),
  'fd.filename': open('made'),
  'fd.nameraw': open('./made'),
  'fd.ip': holds('connect', 'fd.ip = 127.0.0.1', 'fd.ip = 127.0.0.2'),
  'fd.cip': connect('127.0.0.1'),
  'fd.sip': connect('127.0.0.1'),
  'fd.lip': connect('127.0.0.1'),
  'fd.rip': connect('127.0.0.1'),
  'fd.port': holds('connect', ({ port }) => `fd.port = ${port}`, 'fd.port = 1'),
  'fd.cport': connect(({ report }) => report('port')),
  'fd.sport': connect(({ port }) => port),
  'fd.lport': connect(({ report }) => report('port')),
  'fd.rport': connect(({ port }) => port),
  'fd.l4proto': connect('tcp'),
  'fd.sockfamily': connect('ip'),
  'fd.is_server': connect(false),
  'fd.uid': open(({ pid, report }) => `${pid}${report('fd')}`),
  'fd.containername': open(({ folder }) => `host:${folder}/made`),
  'fd.containerdirectory': open(({ folder }) => `host:${folder}`),
  // Port 1 is that of ssh in services(5).
  'fd.proto': holds('refused', 'fd.proto = echo', 'fd.proto = http'),
  'fd.cproto': connect(({ report }) => String(report('port'))),
  'fd.sproto': at('refused')('echo'),
  'fd.lproto': connect(({ report }) => String(report('port'))),
  'fd.rproto': at('refused')('echo'),
  'fd.net': holds('connect', 'fd.net = 127.0.0.0/8', 'fd.net = 10.0.0.0/8'),
  'fd.cnet': holds('connect', 'fd.cnet = 127.0.0.0/8', 'fd.cnet = 10.0.0.0/8'),
  'fd.snet': holds('connect', 'fd.snet = 127.0.0.0/8', 'fd.snet = 10.0.0.0/8'),
  'fd.lnet': holds('connect', 'fd.lnet = 127.0.0.0/8', 'fd.lnet = 10.0.0.0/8'),
  'fd.rnet': holds('connect', 'fd.rnet = 127.0.0.0/8', 'fd.rnet = 10.0.0.0/8'),
  'fd.connected': connect(true),
  'fd.name_changed': connect(true),
  // Asked of the system's resolver, because a rule of this test compares with it.
  'fd.cip.name': connect('localhost'),
  'fd.sip.name': connect('localhost'),
  'fd.lip.name': connect('localhost'),
  'fd.rip.name': connect('localhost'),
  'fd.dev': open(({ file, folder }) => file('dev', folder)),
  'fd.dev.major': open(({ file, folder }) => (file('dev', folder) >> 8) & 0xfff),
  'fd.dev.minor': open(({ file, folder }) => {
    const device = file('dev', folder);
    return (device & S_MINOR_LOW) | ((device >> 12) & 0xfff00);
  }),
  'fd.ino': open(({ file, folder }) => file('ino', `${folder}/moved`)),
  'fd.types': exec(['pipe', 'file']),
  'fd.is_upper_layer': open(false),
  'fd.is_lower_layer': open(false),
  'fs.path.name': open(({ folder }) => `${folder}/made`),
  'fs.path.nameraw': open('./made'),
  'fs.path.source': at('rename')(({ folder }) => `${folder}/made`),
  'fs.path.sourceraw': at('rename')('made'),
  'fs.path.target': at('rename')(({ folder }) => `${folder}/moved`),
  'fs.path.targetraw': at('rename')('moved'),
  'fdlist.nums': missing('poll'),
  'fdlist.names': missing('poll'),
  'fdlist.cips': missing('poll'),
  'fdlist.sips': missing('poll'),
  'fdlist.cports': missing('poll'),
  'fdlist.sports': missing('poll'),
  'user.uid': exec(0),
  'user.name': exec(({ passwd }) => passwd('root')[0] ?? null),
  'user.homedir': exec(({ passwd }) => passwd('root')[5] ?? null),
  'user.shell': exec(({ passwd }) => passwd('root')[6] ?? null),
  'user.loginuid': exec(({ loginUid }) => loginUid),
  'user.loginname': exec(({ loginUid, passwd }) => (loginUid === 0 ? (passwd('root')[0] ?? null) : null)),
  'group.gid': exec(0),
  'group.name': exec('root'),
};

const shownBy = (file: string, names: string): Readonly<Record<string, Row>> =>
  Object.fromEntries(names.split(/\s+/).map((name): [string, Row] => [name, { shownBy: file }]));

const containers: Readonly<Record<string, Row>> = {
  ...shownBy(
    'test/kernel/engines.test.ts',
    `container.id container.full_id container.name container.image container.image.id container.type container.privileged
    container.mounts container.image.repository container.image.tag container.host_network container.healthcheck
    container.ip k8s.ns.name k8s.pod.name k8s.pod.uid k8s.pod.sandbox_id k8s.pod.label k8s.pod.ip`,
  ),
  ...shownBy('test/kernel/agent.test.ts', 'container.mount.dest'),
  ...shownBy(
    'agent/fields/container.test.ts',
    `container.mount container.mount.source container.mount.mode container.mount.rdwr container.mount.propagation
    container.image.digest container.start_ts container.duration container.host_pid container.host_ipc`,
  ),
  ...shownBy(
    'agent/fields/orchestrators.test.ts',
    `k8s.pod.id k8s.pod.full_sandbox_id k8s.pod.labels k8s.rc.name k8s.rc.id k8s.rc.label k8s.rc.labels
    k8s.svc.name k8s.svc.id k8s.svc.label k8s.svc.labels k8s.ns.id k8s.ns.label k8s.ns.labels k8s.rs.name k8s.rs.id
    k8s.rs.label k8s.rs.labels k8s.deployment.name k8s.deployment.id k8s.deployment.label k8s.deployment.labels
    mesos.task.name mesos.task.id mesos.task.label mesos.task.labels mesos.framework.name mesos.framework.id
    marathon.app.name marathon.app.id marathon.app.label marathon.app.labels marathon.group.name marathon.group.id
    k8s.sa.name k8s.daemonset.name k8s.daemonset.id k8s.statefulset.name k8s.statefulset.id k8s.job.name k8s.job.id
    k8s.cronjob.name k8s.cronjob.id container.cni.json k8s.pod.cni.json`,
  ),
  ...shownBy('agent/fields/live.test.ts', 'container.liveness_probe container.readiness_probe'),
};

/** Every field as a rule names it, and where its value is shown. */
export const rows: Readonly<Record<string, Row>> = { ...eventAndProcessRows, ...descriptors, ...containers };
