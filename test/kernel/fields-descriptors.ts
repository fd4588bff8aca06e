import { containerRows } from './fields-containers-table.ts';
import { at, connect, eventAndProcessRows, type Facts, holds, type Row, tuple } from './fields-table.ts';

const [exec, open] = [at('exec'), at('open')];
const S_MINOR_LOW = 0xff;

const poll = at('poll');
const polledNames = (facts: Facts) => {
  const { report, folder } = facts;
  const own = `::1:${report('caller')}->::1:${report('listened')}`;
  return [tuple(facts), `::1:${report('listened')}`, own, own, `${folder}/dev`, '<NA>'].join(',');
};

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
  'fdlist.nums': poll(({ report }) =>
    [0, 1, 2, 3, 4]
      .map((at) => report(`polled${at}`))
      .join(',')
      .concat(',-1'),
  ),
  'fdlist.names': poll(polledNames),
  'fdlist.cips': poll('127.0.0.1,::1,::1'),
  'fdlist.sips': poll('127.0.0.1,::1,::1,::1'),
  'fdlist.cports': poll(({ report }) => [report('port'), report('caller'), report('caller')].join(',')),
  'fdlist.sports': poll(({ report, port }) => [port, report('listened'), report('listened')].join(',')),
  'evt.arg.fds': poll(({ report }) => {
    const [connected, listener, client, server, folder] = [0, 1, 2, 3, 4].map((at) => report(`polled${at}`));
    return `${connected}:41 ${listener}:60 ${client}:60 ${server}:60 ${folder}:d0 -1:?0`;
  }),
  'user.uid': exec(0),
  'user.name': exec(({ passwd }) => passwd('root')[0] ?? null),
  'user.homedir': exec(({ passwd }) => passwd('root')[5] ?? null),
  'user.shell': exec(({ passwd }) => passwd('root')[6] ?? null),
  'user.loginuid': exec(({ loginUid }) => loginUid),
  'user.loginname': exec(({ loginUid, passwd }) => (loginUid === 0 ? (passwd('root')[0] ?? null) : null)),
  'group.gid': exec(0),
  'group.name': exec('root'),
};

/** Of tasks of Mesos and applications of Marathon, whose servers mesos.test.ts has. */
const tasks: Readonly<Record<string, Row>> = Object.fromEntries(
  [
    'mesos.task.name',
    'mesos.task.id',
    'mesos.task.label[team]',
    'mesos.task.labels',
    'mesos.framework.name',
    'mesos.framework.id',
    'marathon.app.name',
    'marathon.app.id',
    'marathon.app.label[tier]',
    'marathon.app.labels',
    'marathon.group.name',
    'marathon.group.id',
  ].map((field): [string, Row] => [field, { shownBy: 'test/kernel/mesos.test.ts' }]),
);

const containers: Readonly<Record<string, Row>> = Object.fromEntries(
  Object.keys(containerRows).map((field): [string, Row] => [
    field,
    { shownBy: 'test/kernel/fields-containers-table.ts' },
  ]),
);

/** Every field as a rule names it, and where its value is shown. */
export const rows: Readonly<Record<string, Row>> = {
  ...containers,
  ...tasks,
  ...eventAndProcessRows,
  ...descriptors,
};
