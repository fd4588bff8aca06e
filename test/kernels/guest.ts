import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import * as z from 'zod';
import { buildMark } from '../support/mark.ts';

const root = new URL('../..', import.meta.url).pathname;
const bootTimeoutMs = 240_000;

/** A kernel of Debian's, unpacked. */
export type Kernel = { readonly version: string; readonly image: string };

/** Prints where the kernels are; they were fetched before. */
export function listKernels(): readonly Kernel[] {
  const printed = execFileSync('sh', ['infra/fetch-kernels.sh'], { cwd: root, encoding: 'utf8' });
  return printed
    .trim()
    .split('\n')
    .map((line) => {
      const [version = '', image = ''] = line.split(' ');
      return { version, image };
    });
}

const alertSchema = z.object({
  rule: z.string(),
  output: z.string(),
  output_fields: z.record(z.string(), z.unknown()),
});

/** What a guest printed: the agent's alerts, what it said, and a line for each program in the kernel. */
export type GuestReport = {
  readonly alerts: readonly z.output<typeof alertSchema>[];
  readonly said: string;
  readonly programs: readonly string[];
  readonly console: string;
};

/** Programs and what they are linked with, as they are found here. */
export function copyLinked(tree: string, program: string, to: string): void {
  copyFileSync(program, join(tree, to));
  // ldd refuses a program that is linked with nothing.
  const listed = execFileSync('sh', ['-c', 'ldd "$0" 2>/dev/null || :', program], { encoding: 'utf8' });
  for (const line of listed.split('\n')) {
    const library = /(\/\S+) \(0x/.exec(line)?.[1];
    if (library === undefined) continue;
    mkdirSync(join(tree, dirname(library)), { recursive: true });
    copyFileSync(library, join(tree, library));
  }
}

/** Compiles the kernel programs as Debian 13 does, whose clang is another than Debian 12's. */
export function compileElsewhere(object: string): void {
  const tree = execFileSync('sh', ['infra/fetch-clang.sh'], { cwd: root, encoding: 'utf8' }).trim();
  const folder = mkdtempSync(join(tree, 'tmp/lanner-'));
  cpSync(join(root, 'native'), join(folder, 'native'), { recursive: true });
  execFileSync('chroot', [tree, 'sh', `/tmp/${basename(folder)}/native/compile.sh`, `/tmp/${basename(folder)}/object`]);
  copyFileSync(join(folder, 'object'), object);
  rmSync(folder, { recursive: true });
}

/** The file system of the guest in memory: busybox, Node, this checkout. One for all kernels; `remove` it at the end. */
export function makeGuest(): { readonly initrd: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'lanner-kernels-'));
  const tree = join(folder, 'tree');
  for (const name of ['bin', 'dev', 'proc', 'sys', 'tmp', 'lanner/.build', 'lanner/node_modules', 'etc'])
    mkdirSync(join(tree, name), { recursive: true });
  copyFileSync('/bin/busybox', join(tree, 'bin/busybox'));
  copyLinked(tree, process.execPath, 'bin/node');
  copyLinked(tree, join(root, '.build/lanner.node'), 'lanner/.build/lanner.node');
  copyFileSync(join(root, '.build/lanner.bpf.o'), join(tree, 'lanner/.build/lanner.bpf.o'));
  compileElsewhere(join(tree, 'elsewhere.o'));
  copyFileSync(join(import.meta.dirname, 'load.js'), join(tree, 'load.mjs'));
  for (const name of ['agent', 'rules', 'playbooks', 'native', 'lanner.ts', 'package.json'])
    cpSync(join(root, name), join(tree, 'lanner', name), { recursive: true });
  const dependencies = execFileSync('npm', ['ls', '--omit=dev', '--all', '--parseable'], {
    cwd: root,
    encoding: 'utf8',
  });
  for (const path of dependencies.trim().split('\n')) {
    const name = path.slice(root.length);
    if (name.startsWith('node_modules/') && !name.startsWith('node_modules/node-linux'))
      cpSync(path, join(tree, 'lanner', name), { recursive: true });
  }
  const own = ['calls.c', 'churn.c', 'programs.c'].map((name) => join(import.meta.dirname, name));
  for (const source of [...own, join(root, 'test/kernel/uring.c')]) {
    const program = join(tree, 'bin', basename(source, '.c'));
    execFileSync('cc', ['-O2', '-static', '-Wall', '-Wextra', '-Werror', source, '-o', program]);
  }
  symlinkSync('busybox', join(tree, 'bin/mark'));
  copyFileSync(join(tree, 'bin/churn'), join(tree, 'bin/churned'));
  for (const name of ['marked', 'unmarked', 'denied']) buildMark(join(tree, 'bin', name));
  copyFileSync(join(import.meta.dirname, 'init.sh'), join(tree, 'init'));
  for (const name of ['rules.yaml', 'playbooks.yaml']) copyFileSync(join(import.meta.dirname, name), join(tree, name));
  const initrd = join(folder, 'initrd');
  pack(tree, initrd);
  return { initrd, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Makes an archive of the folder, from which a kernel makes its first file system, and removes the folder. */
export function pack(tree: string, archive: string): void {
  execFileSync('sh', ['-c', 'chmod 755 init && find . | cpio --quiet -o -H newc >"$0"', archive], { cwd: tree });
  rmSync(tree, { recursive: true });
}

/** Boots a kernel on the guest's file system, without any hardware of the host's, and gives what it printed. */
export async function boot(
  { image }: Kernel,
  { initrd, memoryMb, parameters }: { readonly initrd: string; readonly memoryMb: number; readonly parameters: string },
): Promise<GuestReport> {
  const append = `console=ttyS0 panic=-1 quiet lsm=lockdown,capability,bpf ${parameters}`;
  // One processor: emulated, two of them end Node in every third boot (V8's checks of its own tables fail), on any kernel.
  const machine = `-accel tcg,thread=multi -cpu max -smp 1 -m ${memoryMb} -nographic -no-reboot -nic none`.split(' ');
  const child = spawn('qemu-system-x86_64', [...machine, '-kernel', image, '-initrd', initrd, '-append', append], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), bootTimeoutMs);
  await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(timer);
  return readReport(printed);
}

function readReport(printed: string): GuestReport {
  const text = printed.replaceAll('\r', '');
  const part = (name: string): readonly string[] => {
    const found = new RegExp(`^@@ ${name}\\n([^]*?)^@@ `, 'm').exec(text)?.[1];
    if (found === undefined) throw new Error(`the guest did not come to its end:\n${text.slice(-4_000)}`);
    return found.split('\n').filter((line) => line !== '');
  };
  return {
    alerts: part('alerts').map((line) => alertSchema.parse(JSON.parse(line))),
    programs: part('programs'),
    said: part('said').join('\n'),
    console: text,
  };
}
