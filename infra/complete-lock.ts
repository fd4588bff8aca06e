/**
 * Adds to package-lock.json the native packages of other platforms that npm left out: `npm i` leaves them out when its
 * registry mirror does not carry them, and then `npm ci` refuses the lock file everywhere else.
 *   node infra/complete-lock.ts
 * The added entries have no integrity hash: they are for systems that Lanner does not run on, so none is ever fetched.
 */
import { readFileSync, writeFileSync } from 'node:fs';

type LockEntry = {
  version?: string;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
};
type Lock = { packages: Record<string, LockEntry> };

const platforms = [
  'aix',
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'win32',
];
const processors = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64'];

/** The entry of a package whose name says what it is for: `@x/binding-linux-arm64-musl`. */
function entryOf(name: string, version: string): LockEntry | undefined {
  const words = name.split(/[/-]/);
  const os = platforms.find((platform) => words.includes(platform));
  const cpu = processors.find((processor) => words.includes(processor));
  if (os === undefined || cpu === undefined || !/^\d+\.\d+\.\d+/.test(version)) return undefined;
  const libc = words.some((word) => word.startsWith('musl')) ? { libc: ['musl'] } : {};
  return { version, cpu: [cpu], ...libc, optional: true, os: [os] };
}

/** True if a package of that name and version lies where Node would look from the package at `path`. */
function resolves(packages: Lock['packages'], path: string, name: string, version: string): boolean {
  for (let at = path; ; at = at.slice(0, Math.max(0, at.lastIndexOf('node_modules/') - 1))) {
    const found = packages[`${at === '' ? '' : `${at}/`}node_modules/${name}`];
    if (found !== undefined) return found.version === version || !/^\d/.test(version);
    if (at === '') return false;
  }
}

const path = new URL('../package-lock.json', import.meta.url);
const lock: Lock = JSON.parse(readFileSync(path, 'utf8'));
const added: Record<string, LockEntry> = {};
for (const [at, { optionalDependencies = {} }] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    if (resolves(lock.packages, at, name, version)) continue;
    const entry = entryOf(name, version);
    if (entry === undefined) throw new Error(`${at}: cannot tell what ${name}@${version} is for; add it by hand`);
    const beside = `${at.slice(0, at.lastIndexOf('node_modules/'))}node_modules/${name}`;
    if (lock.packages[beside] !== undefined) throw new Error(`${beside} is there in another version than ${version}`);
    added[beside] = entry;
  }
}
const paths = [...Object.keys(lock.packages), ...Object.keys(added)].sort((a, b) => a.localeCompare(b, 'en'));
const packages = Object.fromEntries(paths.map((at) => [at, added[at] ?? lock.packages[at]]));
writeFileSync(path, `${JSON.stringify({ ...lock, packages }, null, 2)}\n`);
process.stdout.write(`added ${Object.keys(added).length} packages\n`);
