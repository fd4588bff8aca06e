import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What kubelet sets, whatever it is told (pkg/kubelet/cm, setupKernelTunables). */
const sysctls = [
  'kernel/panic',
  'kernel/panic_on_oops',
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'kernel/keys/root_maxkeys',
  'kernel/keys/root_maxbytes',
].map((name) => `/proc/sys/${name}`);

/** Folders whose places kubelet has from nobody. */
const folders = ['/var/log/pods', '/var/log/containers', '/var/lib/kubelet'];

/** Notes how the machine is before a kubelet runs; what comes back makes it so again. */
export function noteTraces(kubeletFolder: string): () => void {
  const before = new Map(sysctls.map((path) => [path, readFileSync(path, 'utf8')]));
  const own = folders.filter((folder) => !existsSync(folder));
  if (own.length < folders.length)
    throw new Error(`a kubelet runs or ran on this machine: it has ${folders.join(' or ')}`);
  return () => {
    for (const [path, value] of before) if (readFileSync(path, 'utf8') !== value) writeFileSync(path, value);
    // The folder is mounted on itself, and volumes of pods are file systems of their own.
    for (const line of readFileSync('/proc/self/mounts', 'utf8').split('\n').toReversed()) {
      const at = line.split(' ')[1] ?? '';
      if (at === kubeletFolder || at.startsWith(`${kubeletFolder}/`)) execFileSync('umount', ['-l', at]);
    }
    for (const folder of own) rmSync(folder, { recursive: true, force: true });
    for (const hierarchy of readdirSync('/sys/fs/cgroup')) removeGroup(join('/sys/fs/cgroup', hierarchy, 'kubepods'));
    removeGroup('/sys/fs/cgroup/kubepods');
  };
}

/** A group can go when those below it have gone. */
function removeGroup(path: string): void {
  if (!existsSync(path)) return;
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) removeGroup(join(path, entry.name));
  }
  rmdirSync(path);
}
