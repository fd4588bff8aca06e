import { docker, image, inspect } from './docker.ts';

/** A container whose only process is an interactive shell on a terminal, as `docker run -it IMAGE sh` makes it. */
export async function startShell(): Promise<string> {
  return docker('run', '-d', '-i', '-t', '--network', 'none', image, 'sh');
}

/** `undefined` while the container runs; then how it ended, by the engine's word. */
export async function endOf(container: string): Promise<{ readonly exitCode: number } | undefined> {
  const { status, exitCode } = await inspect(container);
  return status === 'exited' ? { exitCode } : undefined;
}
