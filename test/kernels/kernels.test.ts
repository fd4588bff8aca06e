import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { boot, compileElsewhere, type GuestReport, type Kernel, listKernels, makeGuest } from './guest.ts';

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

/** From 7.0 on typed hooks are preempted (native/bpf/second.h). */
const isPreemptible = ({ version }: Kernel): boolean => Number.parseInt(version, 10) >= 7;

/**
 * Programs that perf runs are kept from running where a thread was preempted within bpf(2), and an emulated machine is slow
 * enough for that: counted and alerted. No exec, fork or exit may be lost so.
 */
const isPreemption = (kernel: Kernel, { rule, output, output_fields: fields }: GuestReport['alerts'][number]) =>
  isPreemptible(kernel) &&
  ((rule === 'Lanner internal: events dropped' &&
    fields['count'] === fields['recursion'] &&
    /^syscall \d+$/.test(String(fields['types']))) ||
    (rule === 'Falco internal: syscall event drop' && /n_drops=(\d+) .*n_drops_bug=\1 /.test(output)));

/** Without blind spots, the time, the priority, and what is appended about containers. */
const outputsOf = (kernel: Kernel, { alerts }: GuestReport): readonly string[] =>
  alerts
    .filter((alert) => alert.rule !== BLIND_SPOT && !isPreemption(kernel, alert))
    .map(({ rule, output }) => `${rule}: ${/^\S+ Informational (.*?) container_id=/.exec(output)?.[1] ?? output}`);

/** What each program in the kernel took: instructions that the verifier went through, runs, time; what programs.c prints. */
function programsOf({ programs }: GuestReport) {
  return programs.map((line) => {
    const [name = '', instructions, runs, ns, skipped] = line.split(' ');
    return { name, instructions: Number(instructions), runs: Number(runs), ns: Number(ns), skipped: Number(skipped) };
  });
}

type Run = { readonly kernel: Kernel; readonly parameters: string; readonly name: string; readonly way: RegExp };
const one = /system calls by one typed hook/;

/** The kernel keeps 15 bytes of a name. */
const always = ['process_exec', 'process_fork', 'process_exit', 'deny_exec', 'snapshot_proces'];
const seconds = ['second_exec', 'second_fork', 'second_exit'];
/** io_uring's first one has another name up to 6.2, its second one another form up to 6.12 at least. */
function expectedPrograms({ kernel, way }: Run): readonly string[] {
  if (isPreemptible(kernel)) {
    return [...always, ...seconds, 'sys_exit_perf', 'uring_submit_pe', 'uring_complete_', 'uring_overflow_'];
  }
  const submit = kernel.version.startsWith('6.1.') ? 'uring_submit_sq' : 'uring_submit';
  return [...always, way === one ? 'sys_exit' : 'sys_exit_perf', submit, 'uring_complete_', 'uring_overflow'];
}

/** What init.sh has `churn` do. */
const PROCESSES = 4;
const TIMES = 25;
const churned = ['fork', 'exec', 'exit'].map((what) => {
  const count = PROCESSES * TIMES + (what === 'fork' ? PROCESSES : 0);
  return `churned: ${count} of ${what}, ${count} of them different`;
});

const runs = kernels.filter(isEnough).flatMap((kernel): readonly Run[] => {
  const { version } = kernel;
  if (isPreemptible(kernel)) {
    return [{ kernel, parameters: 'churn', name: version, way: /system calls by one hook through perf/ }];
  }
  const run = { kernel, parameters: '', name: version, way: one };
  // The parameter is of Linux 6.7.
  if (!version.startsWith('6.12.')) return [run];
  const each = /each system call that is asked for by a hook of its own/;
  return [run, { kernel, parameters: 'ia32_emulation=0', name: `${version} without 32-bit calls`, way: each }];
});

describe.each(runs)('Linux $name', (run) => {
  const { kernel, parameters, name, way } = run;
  const hasOtherEntries = parameters !== 'ia32_emulation=0';
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
      `exec: calls init /tmp/stimulus/ ${hasOtherEntries ? '' : 'none'} 0`,
      'open: /tmp/stimulus/absolute true calls',
      'open: /tmp/stimulus/relative true calls',
      ...(hasOtherEntries ? ['open: /tmp/stimulus/compat true calls'] : []),
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
    expect(programs.map(({ name: program }) => program).toSorted()).toEqual(expectedPrograms(run).toSorted());
    const unused = programs.filter(({ runs: count }) => count === 0);
    expect(unused.every(({ name: program }) => program.startsWith('uring_overflow'))).toBe(true);
    expect(Math.min(...programs.map(({ instructions }) => instructions))).toBeGreaterThan(100);
    // The agent's first look at the processes came by the kernel's list.
    expect(programs.find(({ name: program }) => program === 'snapshot_proces')?.runs).toBeGreaterThan(10);
    const lines = programs.map(
      ({ name: program, instructions, runs: count, ns, skipped }) =>
        `  ${program.padEnd(16)} ${instructions} instructions verified, ${count} runs${count > 0 ? ` of ${Math.round(ns / count)} ns (emulated)` : ''}, ${skipped} skipped\n`,
    );
    for (const each of ['typed', 'perf']) expect(report.said).toContain(`compiled elsewhere, ${each}: loaded`);
    if (isPreemptible(kernel)) {
      expect(report.said).toContain('churn ended with 0');
      for (const line of churned) expect(report.said).toContain(line);
    }
    const ways = /^ways to see .*not used: (.*)$/m.exec(report.said)?.[1];
    expect(ways).toMatch(/fentry: .*BPF LSM: .*kprobe: /);
    process.stdout.write(`${name}; ${ways}\n${lines.join('')}`);
  });
});

it("this host's kernel takes what Debian 13's clang makes of the programs", { timeout: 120_000 }, () => {
  const object = join(mkdtempSync(join(tmpdir(), 'lanner-object-')), 'object');
  compileElsewhere(object);
  const environment = { ...process.env, LANNER_ADDON: join(import.meta.dirname, '../../.build/lanner.node') };
  const load = (wishes: readonly string[]) =>
    execFileSync(process.execPath, [join(import.meta.dirname, 'load.js'), object, ...wishes], {
      env: environment,
      encoding: 'utf8',
    });
  expect([load([]), load(['seconded'])]).toEqual(['typed: loaded\nperf: loaded\n', 'typed: loaded\nperf: loaded\n']);
  rmSync(dirname(object), { recursive: true });
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
