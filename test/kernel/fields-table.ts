import { hostname } from 'node:os';

/** What the test found out by itself about the program of fields.c and what it did. */
export type Facts = {
  readonly folder: string;
  readonly program: string;
  readonly pid: number;
  /** The shell that started it, and who started that. */
  readonly shell: number;
  readonly tester: number;
  readonly port: number;
  /** What the program reported. */
  readonly report: (name: string) => number;
  /** Of /proc/PID/stat from the state on (proc_pid_stat(5)), and of /proc/PID/status by name. */
  readonly stat: (pid: number) => readonly string[];
  readonly status: (name: string) => string;
  /** `CLK_TCK` is 100: when a process began, in nanoseconds since the epoch, to 10 ms. */
  readonly beganNs: (pid: number) => number;
  readonly nameOf: (pid: number) => string;
  readonly linkOf: (pid: number, what: string) => string;
  readonly argvOf: (pid: number) => readonly string[];
  readonly file: (what: 'ino' | 'dev' | 'ctimeNs' | 'mtimeNs', path: string) => number;
  readonly cgroups: readonly (readonly [names: string, path: string])[];
  readonly descriptors: number;
  readonly fdLimit: number;
  readonly startedNs: number;
  readonly passwd: (name: string) => readonly string[];
  readonly loginUid: number;
  readonly capabilities: (name: string) => readonly string[];
  /** Another alert of the same program. */
  readonly of: (scene: Scene, field: string) => unknown;
};

/** What the program did; a rule for each. `lannerfields` is its name. */
export const scenes = {
  exec: 'evt.type = execve',
  open: 'evt.type = openat and fd.filename = made',
  absent: 'evt.type = openat and fd.filename = absent',
  threaded: 'evt.type = openat and fd.filename = threaded',
  busy: 'evt.type = openat and fd.filename = busy',
  write: 'evt.type = write and fd.filename = made',
  read: 'evt.type = read and fd.filename = made',
  rename: 'evt.type = rename',
  connect: 'evt.type = connect and evt.failed = false and fd.typechar = 4',
  refused: 'evt.type = connect and evt.failed = true and fd.typechar = 4',
  send: 'evt.type = sendto and fd.typechar = 4',
  receive: 'evt.type = recvfrom and fd.typechar = 4',
  memory: 'evt.type = mmap and evt.failed = true',
  kill: 'evt.type = kill and evt.failed = true',
  poll: 'evt.type = poll',
  log: 'evt.type = sendto and fd.typechar = u',
  end: 'evt.type = procexit',
} as const;
export type Scene = keyof typeof scenes;

/** A number that may be off by `by`: what the kernel counts in ticks, or what changes while it is looked at. */
export type Near = { readonly near: number; readonly by: number };
/** A text with these parts in this order. */
export type Parts = { readonly parts: readonly string[] };
export type Expected = string | number | boolean | null | readonly string[] | Near | Parts;

type Holds = (known: Pick<Facts, 'port' | 'startedNs'>) => string;

export type Row =
  | { readonly scene: Scene; readonly value: (facts: Facts) => Expected }
  /** Has no value of its own: a condition that holds, and one that does not. */
  | { readonly scene: Scene; readonly holds: Holds; readonly fails: string }
  /** Another test asserts its value on a real event, or the catalogue says why there is none. */
  | { readonly shownBy: string }
  | { readonly scene: Scene; readonly missing: true };

const at =
  (scene: Scene) =>
  (value: Expected | ((facts: Facts) => Expected)): Row => ({
    scene,
    value: typeof value === 'function' ? value : () => value,
  });
const holds = (scene: Scene, condition: string | Holds, fails: string): Row => ({
  scene,
  holds: typeof condition === 'function' ? condition : () => condition,
  fails,
});
const missing = (scene: Scene = 'exec'): Row => ({ scene, missing: true });
const near = (value: number, by: number): Near => ({ near: value, by });

const [exec, open, read, write, connect] = [at('exec'), at('open'), at('read'), at('write'), at('connect')];
const MS = 1e6;
const TICK = 10 * MS;
const S = 1e9;

const opened = ({ report }: Facts) => near((report('before') + report('after')) / 2, 20 * MS);
const tuple = ({ report, port }: Facts) => `127.0.0.1:${report('port')}->127.0.0.1:${port}`;
const number = (value: unknown): number => (typeof value === 'number' ? value : Number.NaN);
/** The shell that is farthest up, by the names that the kernel has. */
function oldestShell({ pid, stat, nameOf }: Facts): number | null {
  let oldest: number | null = null;
  for (let at = pid; at > 0; at = Number(stat(at)[1])) if (nameOf(at).endsWith('sh')) oldest = at;
  return oldest;
}
const tty = ({ pid, stat }: Facts) => Number(stat(pid)[4]);

const event: Readonly<Record<string, Row>> = {
  'evt.num': at('rename')(({ of }) => near(number(of('open', 'evt.num')) + 500, 500)),
  'evt.time': open(opened),
  'evt.time.s': open(opened),
  'evt.time.iso8601': open(opened),
  'evt.datetime': open(opened),
  'evt.datetime.s': open(opened),
  'evt.outputtime': at('open')(({ of }) => ({ parts: [String(of('open', 'clock'))] })),
  'evt.rawtime': open(opened),
  'evt.rawtime.s': open(({ report }) => near(report('before') / S - 0.5, 1)),
  'evt.rawtime.ns': open(({ of }) => near(number(of('open', 'evt.rawtime')) % S, 600)),
  'evt.reltime': open(({ report, startedNs }) =>
    near((report('before') - startedNs) / 2, (report('before') - startedNs) / 2),
  ),
  'evt.reltime.s': open(({ of }) => Math.floor(number(of('open', 'evt.reltime')) / S)),
  'evt.reltime.ns': open(({ of }) => number(of('open', 'evt.reltime')) % S),
  'evt.deltatime': at('rename')(({ of }) =>
    near(number(of('rename', 'evt.rawtime')) - number(of('read', 'evt.rawtime')), 10 * MS),
  ),
  'evt.deltatime.s': at('rename')(0),
  'evt.deltatime.ns': at('rename')(({ of }) => number(of('rename', 'evt.deltatime'))),
  'evt.pluginname': missing(),
  'evt.plugininfo': missing(),
  'evt.asynctype': missing(),
  'evt.latency.quantized': missing(),
  'evt.count.procinfo': missing(),
  'evt.count.threadinfo': missing(),
  'evt.infra.docker.name': missing(),
  'evt.infra.docker.container.id': missing(),
  'evt.infra.docker.container.name': missing(),
  'evt.infra.docker.container.image': missing(),
  // The first that this rule's output reads.
  'util.cnt': open(1),
  'evt.source': exec('syscall'),
  'evt.is_async': exec(false),
  'evt.hostname': exec(hostname()),
  // As in the original since it sees exits only.
  'evt.latency': open(0),
  'evt.latency.s': open(0),
  'evt.latency.ns': open(0),
  'evt.latency.human': open('0ns'),
  'evt.wait_latency': at('poll')(0),
  'evt.dir': open('<'),
  'evt.type': open('openat'),
  'evt.type.is.openat': open(1),
  'syscall.type': open('openat'),
  'evt.category': open('file'),
  'evt.cpu': open(0),
  'evt.args': open(({ report, folder, file }) => ({
    parts: [
      `fd=${report('fd')}(<f>${folder}/made) dirfd=-100(AT_FDCWD) name=./made(${folder}/made) flags=`,
      '(O_CREAT|O_RDWR|O_CLOEXEC',
      ` mode=0750(`,
      ` ino=${file('ino', `${folder}/moved`)}`,
    ],
  })),
  'evt.info': open(({ of }) => String(of('open', 'evt.args'))),
  'evt.arg.name': open(({ folder }) => `${folder}/made`),
  'evt.arg[1]': open('AT_FDCWD'),
  'evt.arg.flags': exec('EXE_WRITABLE'),
  'evt.rawarg.fd': open(({ report }) => report('fd')),
  'evt.buffer': write('hello'),
  'evt.buflen': read(4),
  'evt.buflen.in': read(4),
  'evt.buflen.out': write(5),
  'evt.buflen.file': read(4),
  'evt.buflen.file.in': read(4),
  'evt.buflen.file.out': write(5),
  'evt.buflen.net': at('send')(7),
  'evt.buflen.net.in': at('receive')(6),
  'evt.buflen.net.out': at('send')(7),
  'evt.res': at('absent')('ENOENT'),
  'evt.rawres': at('absent')(-2),
  'evt.failed': at('absent')(true),
  'evt.is_io': read(true),
  'evt.is_io_read': read(true),
  'evt.is_io_write': write(true),
  'evt.io_dir': read('r'),
  'evt.is_wait': at('poll')(true),
  'evt.is_syslog': at('log')(true),
  'evt.count': open(1),
  'evt.count.error': at('absent')(1),
  'evt.count.error.file': at('absent')(1),
  'evt.count.error.net': at('refused')(1),
  'evt.count.error.memory': at('memory')(1),
  'evt.count.error.other': at('kill')(1),
  'evt.count.exit': open(1),
  'evt.abspath': open(({ folder }) => `${folder}/made`),
  'evt.abspath.dst': at('rename')(({ folder }) => `${folder}/moved`),
  'evt.is_open_read': open(true),
  'evt.is_open_write': open(true),
  'evt.is_open_exec': open(true),
  'evt.is_open_create': open(true),
  'evt.is_io_uring': open(false),
  'evt.around[1]': holds(
    'open',
    ({ startedNs }) => `evt.around[${Math.round(startedNs)}] = 60000`,
    'evt.around[1] = 1000',
  ),
};

const process: Readonly<Record<string, Row>> = {
  'proc.exe': exec('first word'),
  'proc.pexe': exec(({ argvOf, shell }) => String(argvOf(shell)[0])),
  'proc.aexe[2]': exec(({ argvOf, tester }) => String(argvOf(tester)[0])),
  'proc.exepath': exec(({ program }) => program),
  'proc.pexepath': exec(({ linkOf, shell }) => linkOf(shell, 'exe')),
  'proc.aexepath[2]': exec(({ linkOf, tester }) => linkOf(tester, 'exe')),
  'proc.name': exec('lannerfields'),
  'proc.pname': exec(({ nameOf, shell }) => nameOf(shell)),
  'proc.aname[2]': exec(({ nameOf, tester }) => nameOf(tester)),
  'proc.args': exec(({ port }) => `${port} two words `),
  'proc.args[1]': exec('two words'),
  'proc.aargs[1]': exec(({ argvOf, shell }) => argvOf(shell).slice(1).join(' ')),
  'proc.cmdline': exec(({ port }) => `lannerfields ${port} two words `),
  'proc.pcmdline': exec(({ argvOf, nameOf, shell }) => [nameOf(shell), ...argvOf(shell).slice(1)].join(' ')),
  'proc.acmdline[1]': exec(({ argvOf, nameOf, shell }) => [nameOf(shell), ...argvOf(shell).slice(1)].join(' ')),
  'proc.cmdnargs': exec(3),
  'proc.cmdlenargs': exec(({ port }) => String(port).length + 'two words'.length),
  'proc.exeline': exec(({ port }) => `first word ${port} two words `),
  'proc.env[LANNER_MARK]': exec('marked'),
  'proc.aenv[LANNER_MARK]': exec(['marked']),
  'proc.cwd': exec(({ folder }) => `${folder}/`),
  'proc.loginshellid': exec(oldestShell),
  'proc.tty': exec(tty),
  'proc.pid': exec(({ pid }) => pid),
  'proc.ppid': exec(({ shell }) => shell),
  'proc.apid[2]': exec(({ tester }) => tester),
  'proc.vpid': exec(({ pid }) => pid),
  'proc.pvpid': exec(({ shell }) => shell),
  'proc.sid': exec(({ shell }) => shell),
  'proc.sname': exec(({ nameOf, shell }) => nameOf(shell)),
  'proc.sid.exe': exec(({ argvOf, shell }) => String(argvOf(shell)[0])),
  'proc.sid.exepath': exec(({ linkOf, shell }) => linkOf(shell, 'exe')),
  'proc.pgid': exec(({ shell }) => shell),
  'proc.pgid.name': exec(({ nameOf, shell }) => nameOf(shell)),
  'proc.pgid.exe': exec(({ argvOf, shell }) => String(argvOf(shell)[0])),
  'proc.pgid.exepath': exec(({ linkOf, shell }) => linkOf(shell, 'exe')),
  'proc.vpgid': exec(({ shell }) => shell),
  'proc.vpgid.name': exec(({ nameOf, shell }) => nameOf(shell)),
  'proc.vpgid.exe': exec(({ argvOf, shell }) => String(argvOf(shell)[0])),
  'proc.vpgid.exepath': exec(({ linkOf, shell }) => linkOf(shell, 'exe')),
  'proc.is_sid_leader': exec(false),
  'proc.is_vpgid_leader': exec(false),
  'proc.is_pgid_leader': exec(false),
  'proc.duration': open(({ report, beganNs, pid }) => near(report('before') - beganNs(pid), 2 * TICK)),
  'proc.ppid.duration': open(({ report, beganNs, shell }) => near(report('before') - beganNs(shell), 2 * TICK)),
  'proc.pid.ts': exec(({ beganNs, pid }) => near(beganNs(pid), 2 * TICK)),
  'proc.ppid.ts': exec(({ beganNs, shell }) => near(beganNs(shell), 2 * TICK)),
  'proc.is_exe_writable': exec(true),
  'proc.is_exe_upper_layer': exec(false),
  'proc.is_exe_lower_layer': exec(false),
  'proc.is_exe_from_memfd': exec(false),
  'proc.exe_ino': exec(({ file, program }) => file('ino', program)),
  'proc.exe_ino.ctime': exec(({ file, program }) => near(file('ctimeNs', program), 600)),
  'proc.exe_ino.mtime': exec(({ file, program }) => near(file('mtimeNs', program), 600)),
  'proc.exe_ino.ctime_duration_proc_start': exec(({ beganNs, pid, file, program }) =>
    near(beganNs(pid) - file('ctimeNs', program), 2 * TICK),
  ),
  'proc.exe_ino.ctime_duration_pidns_start': exec(({ beganNs, file, program }) =>
    near(file('ctimeNs', program) - beganNs(1), 2 * TICK),
  ),
  'proc.pidns_init_start_ts': exec(({ beganNs }) => near(beganNs(1), 2 * TICK)),
  'proc.fdopencount': exec(({ descriptors }) => descriptors),
  'proc.fdlimit': exec(({ fdLimit }) => fdLimit),
  'proc.fdusage': exec(({ descriptors, fdLimit }) => near((100 * descriptors) / fdLimit, 0.06)),
  'proc.vmsize': open(({ status }) => near(Number.parseInt(status('VmSize'), 10), 90_000)),
  'proc.vmrss': open(({ status }) => near(Number.parseInt(status('VmRSS'), 10), 2_000)),
  'proc.vmswap': open(({ status }) => Number.parseInt(status('VmSwap'), 10)),
  'proc.nthreads': exec(1),
  'proc.nchilds': exec(0),
  'proc.stdin.type': exec('pipe'),
  'proc.stdout.type': exec('pipe'),
  'proc.stderr.type': exec('file'),
  'proc.stdin.name': exec(({ linkOf, pid }) => linkOf(pid, 'fd/0')),
  'proc.stdout.name': exec(({ linkOf, pid }) => linkOf(pid, 'fd/1')),
  'proc.stderr.name': exec('/dev/null'),
  'thread.cap_permitted': exec(({ capabilities }) => ({ parts: capabilities('CapPrm') })),
  'thread.cap_inheritable': exec(({ capabilities }) => ({ parts: capabilities('CapInh') })),
  'thread.cap_effective': exec(({ capabilities }) => ({ parts: capabilities('CapEff') })),
  'thread.tid': at('threaded')(({ report }) => report('thread')),
  'thread.ismain': at('threaded')(false),
  'thread.vtid': at('threaded')(({ report }) => report('thread')),
  'thread.nametid': at('threaded')(({ report }) => `lannerfields${report('thread')}`),
  'thread.exectime': missing(),
  'thread.totexectime': at('busy')(({ report }) => near(report('total'), 100 * MS)),
  // All that it gets of a CPU, on a machine that others use, too.
  'thread.cpu': at('busy')(near(60, 50)),
  'thread.cpu.user': at('busy')(near(60, 50)),
  'thread.cpu.system': at('busy')(near(15, 15)),
  'thread.pfmajor': open(({ pid, stat }) => near(Number(stat(pid)[9]), 20)),
  'thread.pfminor': open(({ pid, stat }) => near(Number(stat(pid)[7]), 200)),
  'thread.cgroups': exec(({ cgroups }) => ({ parts: cgroups.map(([name, path]) => `${name}=${path}`) })),
  'thread.cgroup.memory': exec(({ cgroups }) => {
    const own = cgroups.find(([names]) => names.split(',').includes('memory'));
    return own?.[1] ?? (cgroups.length === 1 ? (cgroups[0]?.[1] ?? null) : null);
  }),
  'thread.vmsize': open(({ of }) => near(number(of('open', 'proc.vmsize')), 90_000)),
  'thread.vmrss': open(({ of }) => near(number(of('open', 'proc.vmrss')), 1_000)),
  'thread.vmsize.b': open(({ of }) => near(number(of('open', 'proc.vmsize')) * 1_024, 90_000_000)),
  'thread.vmrss.b': open(({ of }) => near(number(of('open', 'proc.vmrss')) * 1_024, 1_000_000)),
};

export const eventAndProcessRows = { ...event, ...process };
export { at, connect, holds, tuple };
