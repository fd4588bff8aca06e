import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import * as z from 'zod';
import { heapFlags, usualHeapMib } from '../../rules/cli/heap.ts';
import { eventually } from './eventually.ts';

const root = new URL('../..', import.meta.url).pathname;

/** Exactly the keys of Falco's JSON: another one fails. */
const printedAlert = z.strictObject({
  hostname: z.string(),
  output: z.string(),
  output_fields: z.record(z.string(), z.unknown()),
  priority: z.string(),
  rule: z.string(),
  source: z.string(),
  tags: z.array(z.string()),
  time: z.string(),
});
type AgentAlert = z.output<typeof printedAlert> & { readonly receivedMs: number };

/** A running `lanner agent --json` with rules of its own, without a router. */
export type Agent = {
  readonly pid: number;
  /** Its rule file. */
  readonly rules: string;
  alerts(): readonly AgentAlert[];
  /** Standard error so far. */
  said(): string;
  /** The first alert that `isWanted` holds for. */
  alert(what: string, isWanted: (alert: AgentAlert) => boolean): Promise<AgentAlert>;
  /** Sends the signal and resolves with the exit code and how long it took. May be called twice. */
  close(signal?: NodeJS.Signals): Promise<{ readonly code: number | null; readonly tookMs: number }>;
};

/**
 * Starts the agent with this text as its only rule file, and waits until it captures. `within` are words before its
 * command that give it other surroundings and then become it.
 */
export async function startAgent(
  rules: string,
  args: readonly string[] = [],
  within: readonly string[] = [],
): Promise<Agent> {
  const folder = mkdtempSync(join(tmpdir(), 'lanner-agent-'));
  const file = join(folder, 'rules.yaml');
  writeFileSync(file, rules);
  // As infra/run.sh starts it.
  const words = [...heapFlags(usualHeapMib), 'lanner.ts', 'agent', '--json', '--rules', file, '--data', folder];
  const [program = process.execPath, ...others] = [...within, process.execPath, ...words, ...args];
  const child = spawn(program, others, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const alerts: AgentAlert[] = [];
  const lines: string[] = [];
  // No readline: an agent that is killed may leave half a line, which is no alert.
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const whole = `${rest}${text}`.split('\n');
    rest = whole.pop() ?? '';
    for (const line of whole) alerts.push({ ...printedAlert.parse(JSON.parse(line)), receivedMs: Date.now() });
  });
  createInterface(child.stderr).on('line', (line) => lines.push(line));
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const close = async (signal: NodeJS.Signals = 'SIGTERM') => {
    const begunMs = performance.now();
    child.kill(signal);
    const code = await exited;
    rmSync(folder, { recursive: true, force: true });
    return { code, tookMs: performance.now() - begunMs };
  };
  const said = () => lines.slice(-40).join('\n');
  try {
    await eventually(
      'the agent to watch',
      () => {
        if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
        return lines.some((line) => line.includes('watching')) || undefined;
      },
      20_000,
    );
  } catch (cause) {
    const message = `the agent does not start:\n${said()}`;
    await close('SIGKILL');
    throw new Error(message, { cause });
  }
  if (child.pid === undefined) throw new Error('a running process has a pid');
  const alert = (what: string, isWanted: (alert: AgentAlert) => boolean) =>
    eventually(`an alert: ${what}\n${said()}`, () => alerts.find(isWanted));
  return { pid: child.pid, rules: file, alerts: () => alerts, said, alert, close };
}
