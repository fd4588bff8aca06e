import { load, publishedFiles, syntheticFile } from './rule-files.ts';

/** Milliseconds of the thread that loads, which waits for nothing: on a machine that does nothing else, wall time. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1e3;
}

// A process that loads rules once and says what it took: reading files and modules is not counted.
const files = process.argv[2] === 'published' ? publishedFiles() : [syntheticFile(1_000)];
const startedMs = performance.now();
const startedCpuMs = cpuMs();
load(files);
process.stdout.write(JSON.stringify({ cpuMs: cpuMs() - startedCpuMs, wallMs: performance.now() - startedMs }));
