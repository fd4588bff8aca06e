import { parseAddress } from '../../rules/language/address.ts';
import { fieldText } from '../../rules/language/catalogue.ts';
import type { Bind, FieldValue } from '../../rules/language/field.ts';

/** What one event of a mix is: its type, and the values that differ from one event to the next. */
export type Event = {
  readonly type: string;
  readonly own: readonly { readonly slot: number; readonly value: FieldValue }[];
  readonly shared: readonly (FieldValue | undefined)[];
};

/** What rules are matched against, as an agent would hand it over: one object, filled anew for each event. */
export type Scene = { values: (FieldValue | undefined)[] };

export const slots: readonly string[] = [
  'evt.type',
  'evt.num',
  'evt.res',
  'evt.rawres',
  'evt.arg.flags',
  'evt.is_open_read',
  'evt.is_open_write',
  'fd.num',
  'fd.name',
  'fd.typechar',
  'fd.type',
  'fd.l4proto',
  'fd.sip',
  'fd.cip',
  'fd.sport',
  'fd.lport',
  'fd.port',
  'fd.connected',
  'fd.name_changed',
  'proc.name',
  'proc.pname',
  'proc.aname',
  'proc.aname[2]',
  'proc.aname[3]',
  'proc.aname[4]',
  'proc.aname[5]',
  'proc.cmdline',
  'proc.pcmdline',
  'proc.args',
  'proc.exe',
  'proc.exepath',
  'proc.cwd',
  'proc.tty',
  'proc.vpid',
  'proc.duration',
  'proc.env',
  'proc.is_exe_upper_layer',
  'proc.is_exe_from_memfd',
  'container.id',
  'container.image.repository',
  'container.privileged',
  'user.name',
  'user.uid',
  'user.loginuid',
  'thread.cap_permitted',
  'proc.pexe',
  'proc.sname',
  'group.gid',
  'evt.is_open_exec',
];
const slotOf = new Map(slots.map((name, index) => [name, index]));

/** Parts of a path are cut out when somebody asks, as an agent does. */
export const bind: Bind<Scene> = (use) => {
  const name = fieldText(use);
  if (name === 'fd.directory') return (scene) => cut(scene, (path, slash) => path.slice(0, slash));
  if (name === 'fd.filename') return (scene) => cut(scene, (path, slash) => path.slice(slash + 1));
  const [near, far] = [slots.indexOf('fd.cip'), slots.indexOf('fd.sip')];
  if (name === 'fd.ip' || name === 'fd.net') {
    return ({ values }) => [values[near], values[far]].filter((end) => end !== undefined);
  }
  const slot = slotOf.get(aliases[name] ?? name);
  return slot === undefined ? undefined : (scene) => scene.values[slot];
};

/** Fields that have one value in the mixes here. */
export const aliases: Readonly<Record<string, string>> = {
  'fd.nameraw': 'fd.name',
  'fd.rip': 'fd.sip',
  'fd.snet': 'fd.sip',
  'fd.rnet': 'fd.sip',
  'fd.rport': 'fd.sport',
};

export const derived = ['fd.directory', 'fd.filename', 'fd.ip', 'fd.net'];
const nameSlot = slots.indexOf('fd.name');

function cut(scene: Scene, part: (path: string, slash: number) => string): string | undefined {
  const path = scene.values[nameSlot];
  return typeof path === 'string' ? part(path, path.lastIndexOf('/')) : undefined;
}

/** A string as it comes out of a ring buffer: one piece, not yet hashed. */
function flat(value: FieldValue): FieldValue {
  return typeof value === 'string' ? Buffer.from(value, 'latin1').toString('latin1') : value;
}

const sharedOf = new Map<string, readonly (FieldValue | undefined)[]>();

function eventOf(
  type: string,
  same: Readonly<Record<string, FieldValue>>,
  own: Readonly<Record<string, FieldValue>>,
): Event {
  let shared = sharedOf.get(type);
  if (shared === undefined) {
    const fields = { ...commonValues, 'evt.type': type, ...same };
    shared = slots.map((name) => new Map(Object.entries(fields)).get(name));
    sharedOf.set(type, shared);
  }
  return {
    type,
    shared,
    own: Object.entries(own).map(([name, value]) => ({ slot: slots.indexOf(name), value: flat(value) })),
  };
}

const commonValues: Readonly<Record<string, FieldValue>> = {
  'evt.num': 4_711,
  'evt.rawres': 3,
  'evt.res': 'SUCCESS',
  'proc.name': 'rsync',
  'proc.pname': 'cron',
  'proc.cmdline': 'rsync -a /srv/data /backup/data',
  'proc.aname': ['cron', 'systemd'],
  'proc.aname[2]': 'systemd',
  'proc.pcmdline': 'cron -f',
  'proc.args': '-a /srv/data /backup/data',
  'proc.exe': '/usr/bin/rsync',
  'proc.exepath': '/usr/bin/rsync',
  'proc.cwd': '/srv',
  'proc.tty': 0,
  'proc.vpid': 812,
  'proc.duration': 60_000_000_000,
  'proc.env': 'PATH=/usr/bin:/bin LANG=C',
  'proc.is_exe_upper_layer': false,
  'proc.is_exe_from_memfd': false,
  'container.id': 'host',
  'user.name': 'backup',
  'user.uid': 34,
  'user.loginuid': -1,
  'proc.pexe': '/usr/sbin/cron',
  'proc.sname': 'cron',
  'group.gid': 34,
  'thread.cap_permitted': 'CAP_CHOWN',
};

export function openOf(path: string): Event {
  const same = {
    'fd.num': 3,
    'fd.typechar': 'f',
    'fd.type': 'file',
    'evt.is_open_read': true,
    'evt.is_open_write': false,
    'evt.is_open_exec': false,
    'evt.arg.flags': 'O_RDONLY|O_CLOEXEC',
  };
  return eventOf('openat', same, { 'fd.name': path });
}

const tops = [
  '/usr/lib/x86_64-linux-gnu',
  '/srv/data/archive',
  '/usr/share/zoneinfo',
  '/var/cache/apt/archives',
  '/opt/app/node_modules/left',
];
export const pathOf = (index: number): string => `${tops[index % tops.length]}/part${index % 97}/file-${index}.so.1`;

const commands = [
  'ls -l /srv',
  'date +%s',
  'grep -r total /srv/data',
  'cut -d: -f1',
  'sort -u',
  'rsync -a /srv /backup',
  'python3 /opt/app/job.py',
  'sleep 5',
];

export function execOf(index: number): Event {
  const command = `${commands[index % commands.length]}`;
  const name = command.split(' ')[0] ?? '';
  const line = `${command} ${index}`;
  const same = { 'proc.pname': 'cron', 'evt.arg.flags': '0', 'proc.duration': 1_000 };
  return eventOf('execve', same, {
    'proc.name': name,
    'proc.cmdline': line,
    'proc.args': line.slice(name.length + 1),
    'proc.exe': name,
    'proc.exepath': `/usr/bin/${name}`,
  });
}

export function connectOf(index: number): Event {
  const ip = parseAddress(`10.1.${index % 200}.${index % 250}`) ?? new Uint8Array(4);
  const own = parseAddress('10.1.0.9') ?? new Uint8Array(4);
  const same = {
    'fd.num': 5,
    'fd.typechar': '4',
    'fd.type': 'ipv4',
    'fd.l4proto': 'tcp',
    'fd.cip': own,
    'fd.sport': 443,
    'fd.lport': 40_000,
    'fd.port': [40_000, 443],
    'fd.connected': true,
    'fd.name_changed': true,
  };
  return eventOf('connect', same, {
    'fd.name': `10.1.0.9:4${index % 1_000}->10.1.${index % 200}.${index % 250}:443`,
    'fd.sip': ip,
  });
}

export const many = (from: number, count: number, make: (index: number) => Event): readonly Event[] =>
  Array.from({ length: count }, (_, index) => make(from + index));
