import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { boot, type GuestReport, type Kernel, listKernels, makeGuest } from './guest.ts';

const kernels = listKernels();
/** The first with bpf_loop. */
const isEnough = ({ version }: Kernel): boolean => {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  return major > 5 || (major === 5 && minor >= 17);
};

let guest: ReturnType<typeof makeGuest>;
beforeAll(() => {
  guest = makeGuest();
});
afterAll(() => guest?.remove());

const BLIND_SPOT = 'Lanner internal: blind spot';
const blindSpotsOf = ({ alerts }: GuestReport): readonly string[] =>
  alerts.filter(({ rule }) => rule === BLIND_SPOT).map(({ output }) => /host: ([^.]*)\./.exec(output)?.[1] ?? output);

/**
 * From 7.0 on a program that is preempted turns away others on its CPU (native/README.md), and in an emulated machine it is
 * slow enough for that: counted and alerted, and nothing else may be lost.
 */
const isPreemption = ({ version }: Kernel, { rule, output }: GuestReport['alerts'][number]): boolean =>
  Number.parseInt(version, 10) >= 7 &&
  ((rule === 'Lanner internal: events dropped' && /\(count=(\d+) recursion=\1 /.test(output)) ||
    (rule === 'Falco internal: syscall event drop' && /n_drops=(\d+) .*n_drops_bug=\1 /.test(output)));

/** Without blind spots, the time, the priority, and what is appended about containers. */
const outputsOf = (kernel: Kernel, { alerts }: GuestReport): readonly string[] =>
  alerts
    .filter((alert) => alert.rule !== BLIND_SPOT && !isPreemption(kernel, alert))
    .map(({ rule, output }) => `${rule}: ${/^\S+ Informational (.*?) container_id=/.exec(output)?.[1] ?? output}`);

/** What each program in the kernel took: instructions that the verifier went through, runs, time. */
function programsOf({ programs }: GuestReport) {
  const facts = programs.map((line) => Object.fromEntries(line.split(';').map((fact) => fact.trim().split(/:\s*/))));
  const hooks = new Map(facts.filter((fact) => 'tp_name' in fact).map((fact) => [fact.prog_id, fact.tp_name]));
  const byPerf = new Set(facts.filter((fact) => fact.link_type === 'perf').map((fact) => fact.prog_id));
  return facts
    .filter((fact) => 'run_cnt' in fact)
    .map(({ prog_id, verified_insns, run_cnt, run_time_ns }) => ({
      // The only ones that are on no tracepoint of their own.
      hook: String(hooks.get(prog_id) ?? (byPerf.has(prog_id) ? 'perf' : 'iter/task')),
      instructions: Number(verified_insns),
      runs: Number(run_cnt),
      ns: Math.round(Number(run_time_ns) / Number(run_cnt)),
    }));
}

type Run = { readonly kernel: Kernel; readonly parameters: string; readonly name: string; readonly way: RegExp };
const one = /system calls by one typed hook/;
const runs = kernels.filter(isEnough).flatMap((kernel): readonly Run[] => {
  const { version } = kernel;
  const way = Number.parseInt(version, 10) >= 7 ? /system calls by one hook through perf/ : one;
  const run = { kernel, parameters: '', name: version, way };
  // The parameter is of Linux 6.7.
  if (!version.startsWith('6.12.')) return [run];
  const each = /each system call that is asked for by a hook of its own/;
  return [run, { kernel, parameters: 'ia32_emulation=0', name: `${version} without 32-bit calls`, way: each }];
});

describe.each(runs)('Linux $name', ({ kernel, parameters, name, way }) => {
  it('sees execs, opens, connects, changes, forks and exits, 32-bit calls and io_uring as well', {
    timeout: 300_000,
  }, async () => {
    const report = await boot(kernel, { initrd: guest.initrd, memoryMb: 1536, parameters });
    expect(report.said).toMatch(new RegExp(`"seeing ${way.source}`));
    expect(report.said).toContain('calls ended with 0');
    expect(report.said).toContain('uring ended with 0');
    expect(report.said).toContain('the agent ended with 0');
    // The same program twice: one of them is killed in the kernel before it leaves its mark.
    expect(report.said).toContain('unmarked ended with 0, left a mark');
    expect(report.said).toContain('marked ended with 137, left no mark');
    // 126: the shell could not run it.
    expect(report.said).toContain('denied ended with 126, left no mark');
    expect(blindSpotsOf(report)).toEqual([]);
    expect(outputsOf(kernel, report)).toEqual([
      `exec: calls init /tmp/stimulus/ ${parameters === '' ? '' : 'none'} 0`,
      'open: /tmp/stimulus/absolute true calls',
      'open: /tmp/stimulus/relative true calls',
      ...(parameters === '' ? ['open: /tmp/stimulus/compat true calls'] : []),
      'open failed: /tmp/stimulus/absent ENOENT',
      'renamed: /tmp/stimulus/absolute /tmp/stimulus/folder/renamed',
      'setuid: /tmp/stimulus/folder/renamed',
      'unlinked: /tmp/stimulus/folder/renamed',
      'connect: 0.0.0.0:0->127.0.0.1:9 ECONNREFUSED',
      'fork: calls',
      expect.stringMatching(/^exit: calls \d+$/),
      expect.stringMatching(/^exit: calls \d+$/),
      'open failed: /tmp/stimulus/absent ENOENT',
      'uring: openat2 /tmp/stimulus/made /tmp/stimulus/made <NA> <NA> SUCCESS',
      'uring: mkdirat <NA> /tmp/stimulus/dir <NA> <NA> SUCCESS',
      'uring: renameat2 <NA> <NA> /tmp/stimulus/made /tmp/stimulus/dir/moved SUCCESS',
      'uring: linkat <NA> <NA> /tmp/stimulus/linked /tmp/stimulus/dir/moved SUCCESS',
      'uring: symlinkat <NA> <NA> /tmp/stimulus/sym /etc/shadow SUCCESS',
      'unlinked: /tmp/stimulus/linked',
      expect.stringMatching(/^Lanner reflex: kill-marked\/kill: .*killed before its first instruction/),
      expect.stringMatching(
        /^Lanner reflex: deny-denied\/deny: .*denied: its exec failed with EPERM.* exepath=\/bin\/denied/,
      ),
      'mark: /bin/mark',
    ]);
    const programs = programsOf(report);
    // The agent's first look at the processes came by the kernel's list.
    expect(programs.find(({ hook }) => hook === 'iter/task')?.runs).toBeGreaterThan(10);
    const lines = programs.map(
      ({ hook, instructions, runs, ns }) =>
        `  ${hook.padEnd(24)} ${instructions} instructions verified, ${runs} runs, ${ns} ns a run (emulated)\n`,
    );
    const ways = /^ways to see .*not used: (.*)$/m.exec(report.said)?.[1];
    expect(ways).toMatch(/fentry: .*BPF LSM: .*kprobe: /);
    process.stdout.write(`${name}; ${ways}\n${lines.join('')}`);
  });
});

describe.each(kernels.filter((kernel) => !isEnough(kernel)))('Linux $version', (kernel) => {
  it('is refused by name, with what is needed', { timeout: 300_000 }, async () => {
    const report = await boot(kernel, { initrd: guest.initrd, memoryMb: 1536, parameters: '' });
    expect(report.said).toContain(
      `cannot watch this host: Linux ${kernel.version} is too old: 5.17 or newer is needed`,
    );
    expect(report.said).toContain('the agent ended with 77');
  });
});
