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

/** From 7 on the names in io_uring's requests have a form that the programs do not read (native/README.md). */
const expectedBlindSpots = ({ version }: Kernel): readonly string[] =>
  Number.parseInt(version, 10) < 7
    ? []
    : [
        'calls made through io_uring',
        'results of calls made through io_uring',
        'results of io_uring calls when its completion queue is full',
      ];

/** Without blind spots, the time, the priority, and what is appended about containers. */
const outputsOf = ({ alerts }: GuestReport): readonly string[] =>
  alerts
    .filter(({ rule }) => rule !== BLIND_SPOT)
    .map(({ rule, output }) => `${rule}: ${/^\S+ Informational (.*?) container_id=/.exec(output)?.[1] ?? output}`);

/** What each program in the kernel took: instructions that the verifier went through, runs, time. */
function programTable({ programs }: GuestReport): string {
  const facts = programs.map((line) => Object.fromEntries(line.split(';').map((fact) => fact.trim().split(/:\s*/))));
  const hooks = new Map(facts.filter((fact) => 'tp_name' in fact).map((fact) => [fact.prog_id, fact.tp_name]));
  return facts
    .filter((fact) => 'run_cnt' in fact)
    .map(
      ({ prog_id, verified_insns, run_cnt, run_time_ns }) =>
        `  ${String(hooks.get(prog_id) ?? prog_id).padEnd(24)} ${verified_insns} instructions verified, ${run_cnt} runs, ${Math.round(Number(run_time_ns) / Number(run_cnt))} ns a run (emulated)\n`,
    )
    .join('');
}

describe.each(kernels.filter(isEnough))('Linux $version', (kernel) => {
  it('sees execs, opens, connects, changes, forks and exits, 32-bit calls as well', { timeout: 300_000 }, async () => {
    const report = await boot(kernel, guest.initrd);
    expect(report.said).toContain('calls ended with 0');
    expect(report.said).toContain('the agent ended with 0');
    expect(blindSpotsOf(report)).toEqual(expectedBlindSpots(kernel));
    expect(outputsOf(report)).toEqual([
      'exec: calls init /tmp/stimulus/  0',
      'open: /tmp/stimulus/absolute true calls',
      'open: /tmp/stimulus/relative true calls',
      'open: /tmp/stimulus/compat true calls',
      'open failed: /tmp/stimulus/absent ENOENT',
      'renamed: /tmp/stimulus/absolute /tmp/stimulus/folder/renamed',
      'setuid: /tmp/stimulus/folder/renamed',
      'unlinked: /tmp/stimulus/folder/renamed',
      'connect: 0.0.0.0:0->127.0.0.1:9 ECONNREFUSED',
      'fork: calls',
      expect.stringMatching(/^exit: calls \d+$/),
      expect.stringMatching(/^exit: calls \d+$/),
      'mark: /bin/mark',
    ]);
    process.stdout.write(`${kernel.version}\n${programTable(report)}`);
  });
});

describe.each(kernels.filter((kernel) => !isEnough(kernel)))('Linux $version', (kernel) => {
  it('is refused by name, with what is needed', { timeout: 300_000 }, async () => {
    const report = await boot(kernel, guest.initrd);
    expect(report.said).toContain(
      `cannot watch this host: Linux ${kernel.version} is too old: 5.17 or newer is needed`,
    );
    expect(report.said).toContain('the agent ended with 77');
  });
});
