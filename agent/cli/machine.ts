import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { release } from 'node:os';
import { delimiter, join } from 'node:path';
import { checkSupport, findBlindSpots, takesOtherEntries, tryOtherWays } from '#native';
import { chooseWay, describeLifecycle, describeWay } from '../capture/ways.ts';
import { findEngines } from '../state/containers/engine.ts';

/**
 * One thing that Lanner wants of the machine. `unsupported`: the agent cannot run here; `missing`: needed, and can be
 * installed; `limited`: it runs, with less.
 */
export type Finding = {
  readonly check: string;
  readonly status: 'ok' | 'limited' | 'missing' | 'unsupported';
  readonly detail: string;
  /** How to get what is not there. */
  readonly remedy?: string;
};

const root = new URL('../..', import.meta.url).pathname;
const rebuild = 'sh infra/setup.sh --yes';

/** The first kernel with bpf_loop, by which the kernel programs walk paths. */
const OLDEST_KERNEL = [5, 17] as const;
const BTF = '/sys/kernel/btf/vmlinux';

/** What only the kernel or the person who started the agent can give; nothing works without these. */
export function checkKernel(): readonly Finding[] {
  return [checkRelease(release()), checkBtf(), checkCapabilities(readText('/proc/self/status')), checkLockdown()];
}

export async function checkMachine(): Promise<readonly Finding[]> {
  return [
    ...checkKernel(),
    checkMemlock(readText('/proc/self/limits')),
    checkPidNamespace(),
    checkNode(process.versions.node),
    checkBuilt('.build/lanner.bpf.o', 'the kernel programs'),
    checkBuilt('.build/lanner.node', 'the addon'),
    checkHooks(),
    checkWays(),
    checkCompiler(),
    checkRedis(),
    ...checkActionPrograms(findProgram),
    ...(await checkEngines()),
  ];
}

export function checkRelease(text: string): Finding {
  const [major = 0, minor = 0] = text.split('.').map((part) => Number.parseInt(part, 10));
  const [oldestMajor, oldestMinor] = OLDEST_KERNEL;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) {
    return { check: 'kernel', status: 'ok', detail: `Linux ${text}` };
  }
  const detail = `Linux ${text} is too old: ${OLDEST_KERNEL.join('.')} or newer is needed`;
  return { check: 'kernel', status: 'unsupported', detail, remedy: 'boot a newer kernel' };
}

function checkBtf(): Finding {
  if (existsSync(BTF)) {
    const size = statSync(BTF).size;
    return { check: 'BTF', status: 'ok', detail: `${BTF}, ${(size / 1024 / 1024).toFixed(1)} MB` };
  }
  const remedy = 'boot a kernel that is built with CONFIG_DEBUG_INFO_BTF=y, as those of Debian and Ubuntu are';
  return { check: 'BTF', status: 'unsupported', detail: `${BTF} does not exist`, remedy };
}

/** capabilities(7), by their numbers in linux/capability.h. */
const capabilities = { CAP_KILL: 5, CAP_SYS_PTRACE: 19, CAP_SYS_ADMIN: 21, CAP_PERFMON: 38, CAP_BPF: 39 } as const;
type Capability = keyof typeof capabilities;

/** `status` is /proc/self/status: a root inside a container may have lost what it takes. */
export function checkCapabilities(status: string): Finding {
  const check = 'capabilities';
  const bits = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  const has = (name: Capability) => ((bits >> BigInt(capabilities[name])) & 1n) === 1n;
  const isAdmin = has('CAP_SYS_ADMIN');
  const wanted: readonly Capability[] = isAdmin
    ? ['CAP_KILL', 'CAP_SYS_PTRACE']
    : ['CAP_BPF', 'CAP_PERFMON', 'CAP_KILL', 'CAP_SYS_PTRACE'];
  const lacking = wanted.filter((name) => !has(name));
  if (lacking.includes('CAP_BPF') || lacking.includes('CAP_PERFMON')) {
    const detail = `loading eBPF programs needs root: ${lacking.join(', ')} missing`;
    return {
      check,
      status: 'unsupported',
      detail,
      remedy: 'run it as root, or in a container with these capabilities',
    };
  }
  if (lacking.length > 0) {
    const detail = `${lacking.join(', ')} missing: some processes cannot be read or killed`;
    return { check, status: 'limited', detail, remedy: 'run it as root' };
  }
  return { check, status: 'ok', detail: isAdmin ? 'CAP_SYS_ADMIN' : 'CAP_BPF, CAP_PERFMON' };
}

/** kernel_lockdown(7): in confidentiality mode no eBPF program may read kernel memory. */
function checkLockdown(): Finding {
  const mode = /\[(\w+)\]/.exec(readText('/sys/kernel/security/lockdown'))?.[1] ?? 'none';
  if (mode !== 'confidentiality') return { check: 'lockdown', status: 'ok', detail: mode };
  const detail = 'the kernel is locked down (confidentiality), so eBPF programs may not read it';
  return { check: 'lockdown', status: 'unsupported', detail, remedy: 'boot with lockdown=integrity or without' };
}

/** `limits` is /proc/self/limits. Kernels from 5.11 on account eBPF memory to the cgroup and not to this limit. */
export function checkMemlock(limits: string, kernel = release()): Finding {
  const check = 'memlock';
  const soft = /^Max locked memory\s+(\S+)/m.exec(limits)?.[1] ?? 'unknown';
  const [major = 0, minor = 0] = kernel.split('.').map((part) => Number.parseInt(part, 10));
  if (major > 5 || (major === 5 && minor >= 11)) {
    return { check, status: 'ok', detail: `${soft}; this kernel does not count eBPF memory against it` };
  }
  if (soft === 'unlimited' || Number(soft) >= 64 * 1024 * 1024) return { check, status: 'ok', detail: soft };
  return { check, status: 'limited', detail: `${soft} bytes; 64 MB are wanted`, remedy: 'ulimit -l unlimited' };
}

/** PROC_PID_INIT_INO of include/linux/proc_ns.h. */
function checkPidNamespace(): Finding {
  const check = 'PID namespace';
  if (statSync('/proc/self/ns/pid').ino === 0xeffffffc) return { check, status: 'ok', detail: "the host's" };
  const detail = "not the host's: processes outside cannot be looked up or killed";
  return { check, status: 'limited', detail, remedy: 'docker run --pid=host; hostPID: true in a pod' };
}

export function checkNode(version: string): Finding {
  if (Number.parseInt(version, 10) >= 24) return { check: 'Node', status: 'ok', detail: version };
  return { check: 'Node', status: 'missing', detail: `${version}; 24 or newer is needed`, remedy: rebuild };
}

function checkBuilt(path: string, what: string): Finding {
  if (existsSync(join(root, path))) return { check: what, status: 'ok', detail: path };
  return { check: what, status: 'missing', detail: `${path} is not built`, remedy: rebuild };
}

/** Where nothing can be captured at all, other findings say so. */
function checkHooks(): Finding {
  const check = 'kernel hooks';
  const spots = findBlindSpots();
  if (spots.length === 0) return { check, status: 'ok', detail: 'no blind spot' };
  return { check, status: 'limited', detail: `not seen: ${spots.join('; ')}`, remedy: 'boot a newer kernel' };
}

/**
 * How each event is come by, as it is chosen where nothing fails. Of what else the kernel has, native/README.md says why it
 * is not used.
 */
function checkWays(): Finding {
  const check = 'ways to see';
  if (!checkSupport().ok) return { check, status: 'ok', detail: 'none: see above' };
  const calls = describeWay(chooseWay({ release: release(), takesOtherEntries: takesOtherEntries() }));
  const lifecycle = describeLifecycle(release());
  const kprobe = existsSync('/sys/bus/event_source/devices/kprobe') ? 'available' : 'not in this kernel';
  const others = [...tryOtherWays(), `kprobe: ${kprobe}`].join('; ');
  const detail = `${lifecycle}; ${calls}; not used: ${others}`;
  return { check, status: 'ok', detail };
}

function checkCompiler(): Finding {
  const check = 'clang';
  const path = findProgram('clang');
  if (path !== undefined) return { check, status: 'ok', detail: `${path}, ${versionOf(path)}` };
  const detail = 'not found; only building the kernel programs needs it';
  return { check, status: 'limited', detail, remedy: `apt install clang, or ${rebuild}` };
}

function checkRedis(): Finding {
  const check = 'Redis';
  const path = findProgram('redis-server') ?? findProgram('valkey-server');
  if (path !== undefined) return { check, status: 'ok', detail: `${path}, ${versionOf(path)}` };
  const detail = 'neither redis-server nor valkey-server found; the router runs a private one';
  return { check, status: 'missing', detail, remedy: `apt install redis-server, or ${rebuild}` };
}

/** What node actions run on the host; everything else (tar, zstd, signals, cgroups) is built in. */
const actionPrograms = {
  nft: { action: 'network.isolate', debian: 'nftables' },
  ip: { action: 'network.isolate', debian: 'iproute2' },
  nsenter: { action: 'network.isolate', debian: 'util-linux' },
} as const;

export function checkActionPrograms(find: (name: string) => string | undefined): readonly Finding[] {
  return Object.entries(actionPrograms).map(([name, { action, debian }]): Finding => {
    const path = find(name);
    if (path !== undefined) return { check: name, status: 'ok', detail: path };
    return { check: name, status: 'limited', detail: `not found; ${action} needs it`, remedy: `apt install ${debian}` };
  });
}

async function checkEngines(): Promise<readonly Finding[]> {
  const engines = findEngines();
  if (engines.length === 0) {
    const detail =
      'no socket of docker, podman, containerd or CRI-O: containers are seen, but without names and images';
    return [{ check: 'container engine', status: 'limited', detail, remedy: 'apt install docker.io' }];
  }
  return Promise.all(
    engines.map(async (engine): Promise<Finding> => {
      // No container has this id: any answer but a failure shows that the engine lives.
      const answer = await engine.inspect({ id: '0'.repeat(64) }, 2_000);
      engine.close();
      const detail = `${engine.name}, ${engine.socket}`;
      if (answer.status !== 'failed') return { check: 'container engine', status: 'ok', detail };
      const reason = `${detail}: ${answer.reason}`;
      return { check: 'container engine', status: 'limited', detail: reason, remedy: `start ${engine.name}` };
    }),
  );
}

/** Where services lack them in their PATH, actions look in these folders all the same (network-isolate.ts). */
const systemFolders = ['/usr/sbin', '/sbin', '/usr/bin', '/bin'] as const;

function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== ''), ...systemFolders];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false; // The next folder may have it.
  }
}

function versionOf(path: string): string {
  const { stdout } = spawnSync(path, ['--version'], { encoding: 'latin1', timeout: 5_000 });
  return /\d+\.\d+(\.\d+)?/.exec(stdout ?? '')?.[0] ?? 'version unknown';
}

/** Empty when the file is not there: what it would say is then unknown. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
