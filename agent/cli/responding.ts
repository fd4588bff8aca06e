import { readFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import * as z from 'zod';
import { type Command, exitCodes, readArgs, UsageError } from '#rules/cli/command-line';
import { livingOwner } from '#rules/cli/lock';
import { makeFolder } from '#rules/cli/make-folder';
import { defaultDataFolder } from '../config/options.ts';
import { askMetrics, socketPath } from '../metrics/serve.ts';
import { readStop, writeStop } from '../respond/off-switch.ts';

const DEFAULT_ROUTER = 'http://127.0.0.1:7470';
const TIMEOUT_MS = 5_000;

const usage = '[--router URL] [--token-file F] [--data DIR] [--node-only]';
const options = `
  --router URL    ${DEFAULT_ROUTER} if not given
  --token-file F  its token; DIR/token if not given
  --data DIR      the agent's data folder
  --node-only     this node alone, without the router`;

/** The switch that a person throws when responses do harm. */
export const stopResponding: Command = {
  name: 'stop-responding',
  summary: `Stop all destructive actions on all nodes, within a second and until \`lanner resume-responding\`.
When the router cannot be reached, this node stops all the same and the exit code is 1.

  --reason TEXT   what refused actions say, and the people who read them${options}`,
  usage: `[--reason TEXT] ${usage}`,
  async run(args) {
    const { values } = readArgs(args, { ...shared, reason: { type: 'string', default: 'no reason given' } });
    const place = readPlace(values);
    const stop = { since_ms: Date.now(), reason: values.reason.slice(0, 1_024), by: whoAmI() };
    if (!place.nodeOnly) {
      const answer = await tell(place, { stopped: true, reason: stop.reason, by: stop.by });
      if (answer.ok) {
        say(`stopped on all nodes; ${answer.nodes} are connected now, the others stop when they are`);
        return tellHanging(place.data);
      }
      process.stderr.write(`lanner stop-responding: the router does not know: ${answer.reason}\n`);
    }
    makeFolder(place.data);
    writeStop(place.data, 'node', stop);
    say(`stopped on this node (${place.data})`);
    const told = await tellHanging(place.data);
    return place.nodeOnly ? told : exitCodes.failed;
  },
};

export const resumeResponding: Command = {
  name: 'resume-responding',
  summary: `Let nodes respond again: all of them, and this one if it was stopped by itself.
${options}`,
  usage,
  async run(args) {
    const place = readPlace(readArgs(args, shared).values);
    if (!place.nodeOnly) {
      const answer = await tell(place, { stopped: false });
      if (!answer.ok) {
        process.stderr.write(
          `lanner resume-responding: the router does not know: ${answer.reason}; --node-only resumes this node\n`,
        );
        return exitCodes.failed;
      }
      say(`all nodes respond again, but those that were stopped by themselves; ${answer.nodes} are connected now`);
    }
    const before = readStop(place.data);
    if (before !== undefined) {
      writeStop(place.data, 'node', undefined);
      if (place.nodeOnly) writeStop(place.data, 'router', undefined);
    }
    return say(`this node responds${before === undefined ? '' : ' again'}`);
  },
};

const shared = {
  router: { type: 'string', default: DEFAULT_ROUTER },
  'token-file': { type: 'string' },
  data: { type: 'string' },
  'node-only': { type: 'boolean', default: false },
} as const;

type Place = { readonly router: URL; readonly tokenFile: string; readonly data: string; readonly nodeOnly: boolean };

function readPlace(values: {
  readonly router: string;
  readonly 'token-file'?: string | undefined;
  readonly data?: string | undefined;
  readonly 'node-only': boolean;
}): Place {
  const data = resolve(values.data ?? defaultDataFolder());
  if (!URL.canParse(values.router)) throw new UsageError('--router: expected http://HOST:PORT or https://HOST:PORT');
  return {
    router: new URL(values.router),
    tokenFile: resolve(values['token-file'] ?? join(data, 'token')),
    data,
    nodeOnly: values['node-only'],
  };
}

/** An agent that hangs hears nothing, and its steps in the kernel go on: whoever stops them has to know. */
async function tellHanging(dataFolder: string): Promise<number> {
  const owner = livingOwner(join(dataFolder, 'agent.lock'));
  const isWell = owner === undefined || (await askMetrics({ socketPath: socketPath(dataFolder) })) !== undefined;
  if (isWell) return exitCodes.ok;
  process.stderr.write(
    `lanner stop-responding: the agent of this node does not answer; if it hangs, its steps in the kernel go on until it ends: kill -9 ${owner}\n`,
  );
  return exitCodes.failed;
}

const answerSchema = z.looseObject({ nodes_connected: z.int() });

async function tell(
  { router, tokenFile }: Place,
  word: object,
): Promise<{ readonly ok: true; readonly nodes: number } | { readonly ok: false; readonly reason: string }> {
  try {
    const token = readFileSync(tokenFile, 'utf8').trim();
    const response = await fetch(new URL('/api/responding', router), {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify(word),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok) return { ok: false, reason: `${router.origin} answers ${response.status}` };
    return { ok: true, nodes: answerSchema.parse(await response.json()).nodes_connected };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const cause = error.cause instanceof Error ? `: ${error.cause.message}` : '';
    return { ok: false, reason: `${error.message}${cause}` };
  }
}

function whoAmI(): string {
  return `${process.env['SUDO_USER'] ?? userInfo().username}@${hostname()}`.slice(0, 253);
}

function say(line: string): number {
  process.stdout.write(`${line}\n`);
  return exitCodes.ok;
}
