import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** Builds the program that leaves a mark with its first instructions: it makes the file that its last argument names. */
export function buildMark(path: string): void {
  const flags = ['-O2', '-static', '-nostdlib', '-fno-stack-protector', '-Wall', '-Wextra', '-Werror'];
  execFileSync('cc', [...flags, join(import.meta.dirname, 'mark.c'), '-o', path]);
}
