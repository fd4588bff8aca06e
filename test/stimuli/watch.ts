import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import * as z from 'zod';
import { eventually } from '../support/eventually.ts';
import { MARK, type Stage } from './stage.ts';

const root = new URL('../..', import.meta.url).pathname;

const printed = z.object({
  rule: z.string(),
  output: z.string(),
  time: z.string(),
  output_fields: z.record(z.string(), z.unknown()),
});
export type StageAlert = z.output<typeof printed> & {
  /** Raised by a process of the stage, as far as the alert says. */
  readonly isOwn: boolean;
  /** Of the event, in microseconds of the wall clock. */
  readonly timeUs: number;
  /** From the event, as the kernel timed it, to the line in the test's hands. */
  readonly latencyUs: number;
};

/** A running agent, and what it printed. */
export type Watch = {
  alerts(): readonly StageAlert[];
  /** Of the wall clock, by which alerts are timed. */
  nowUs(): number;
  said(): string;
  close(): Promise<void>;
};

/** The rule of the program that ends each stimulus. */
export const MARK_RULE = 'Stimulus mark';

const GENERATIONS = 9;
const line = Array.from({ length: GENERATIONS }, (_, index) => `proc.apid[${index + 1}]`);

/** Names that rules ask for, as the agent's host knows them. */
const hosts = `
127.0.0.1 localhost
198.51.100.10 kubernetes.default.svc.cluster.local
198.51.100.11 pool.minexmr.com
198.51.100.12 c2.example
198.51.100.13 google.com www.yahoo.com
`;

/** Switches every rule on and lets its output say whose doing it was. */
function tuningOf(rules: readonly string[]): string {
  const ending = ` | id=%container.id container=%container.name ${line.map((field) => `%${field}`).join(' ')}`;
  const each = rules.map((rule) =>
    [
      `- rule: ${JSON.stringify(rule)}`,
      '  enabled: true',
      `  output: ${JSON.stringify(ending)}`,
      '  override: {enabled: replace, output: append}',
    ].join('\n'),
  );
  const mark = [
    `- rule: ${MARK_RULE}`,
    '  desc: The last event of a stimulus.',
    `  condition: evt.type = execve and proc.name = ${MARK}`,
    `  output: ${JSON.stringify(`%proc.args ${ending}`)}`,
    '  priority: DEBUG',
  ].join('\n');
  return [...each, mark].join('\n');
}

export function rulesIn(paths: readonly string[]): readonly string[] {
  return paths.flatMap((path) =>
    [...readFileSync(path, 'utf8').matchAll(/^ *- rule: *(.+?) *$/gm)].map(([, name = '']) => name),
  );
}

/** Microseconds of the wall clock, finer than Date.now(). */
function wallClock(): () => number {
  const begunMs = Date.now();
  let nowMs = begunMs;
  while (nowMs === begunMs) nowMs = Date.now();
  const offsetMs = nowMs - performance.now();
  return () => (offsetMs + performance.now()) * 1_000;
}

/** Nanoseconds are more than a Date holds: the fraction is read by itself. */
function microsecondsOf(time: string): number {
  const [, whole = '', fraction = ''] = /^(.*?)(\.\d+)?Z$/.exec(time) ?? [];
  return Date.parse(`${whole}Z`) * 1_000 + Number(`0${fraction}`) * 1e6;
}

/** Starts the agent on the rule files with every rule switched on. */
export async function startWatch(stage: Stage, paths: readonly string[], tuning: string): Promise<Watch> {
  const folder = mkdtempSync(join(tmpdir(), 'lanner-watch-'));
  const at = (name: string) => join(folder, name);
  writeFileSync(at('hosts'), hosts);
  writeFileSync(at('tuning.yaml'), `${tuning}\n${tuningOf(rulesIn(paths))}\n`);
  const agent = [
    ...[process.execPath, 'lanner.ts', 'agent', '--json', '--matching', 'all', '--data', folder],
    ...['--engine', `docker=${stage.engine.socket}`, '--rules', ...paths, at('tuning.yaml')],
  ];
  // In a mount namespace of its own: names as above, and the engine's files where an engine has them by default.
  const bound = `mount --bind ${at('hosts')} /etc/hosts
    mkdir -p /var/lib/docker
    mount --bind ${stage.engine.data} /var/lib/docker
    exec "$@"`;
  const child = spawn('unshare', ['--mount', 'sh', '-c', bound, 'sh', ...agent], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const alerts: StageAlert[] = [];
  const lines: string[] = [];
  const nowUs = wallClock();
  createInterface(child.stdout).on('line', (text) => {
    const receivedUs = nowUs();
    const alert = printed.parse(JSON.parse(text));
    const isOwn =
      line.some((field) => alert.output_fields[field] === stage.hostPid) ||
      String(alert.output_fields['container.name']).startsWith(stage.prefix);
    const timeUs = microsecondsOf(alert.time);
    alerts.push({ ...alert, isOwn, timeUs, latencyUs: receivedUs - timeUs });
  });
  createInterface(child.stderr).on('line', (text) => lines.push(text));
  const ended = once(child, 'exit');
  const said = () => lines.slice(-20).join('\n');
  const close = async (): Promise<void> => {
    child.kill('SIGTERM');
    if (child.exitCode === null) await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await eventually(
      'the agent',
      () => {
        if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
        return lines.some((text) => text.includes('watching')) || undefined;
      },
      20_000,
    );
  } catch (cause) {
    await close();
    throw new Error(`the agent does not start:\n${said()}`, { cause });
  }
  return { alerts: () => alerts, nowUs, said, close };
}
