import { resolve } from 'node:path';
import { type Command, exitCodes, readArgs } from '#rules/cli/command-line';
import { defaultDataFolder } from '../config/options.ts';
import { readStop } from '../respond/off-switch.ts';
import { checkMachine, type Finding } from './machine.ts';

const marks = { ok: 'ok', limited: 'limited', missing: 'MISSING', unsupported: 'UNSUPPORTED' } as const;

/** Says what this machine has of all that Lanner needs, and how to get the rest. */
export const doctor: Command = {
  name: 'doctor',
  summary:
    'Say what this machine has of what Lanner needs, and how to get the rest.\nExit code 0: all there; 1: something is missing that can be installed; 77: the agent cannot run on this machine.',
  usage: '[--json] [--data DIR]',
  async run(args) {
    const { values } = readArgs(args, { json: { type: 'boolean' }, data: { type: 'string' } });
    const responding = checkResponding(resolve(values.data ?? defaultDataFolder()));
    const findings = [...(await checkMachine()), responding];
    const text = values.json === true ? `${JSON.stringify(findings, undefined, 2)}\n` : report(findings);
    process.stdout.write(text);
    if (findings.some(({ status }) => status === 'unsupported')) return exitCodes.unsupported;
    return findings.some(({ status }) => status === 'missing') ? exitCodes.failed : exitCodes.ok;
  },
};

/** Whether somebody has thrown the off switch, as far as this node has heard. */
function checkResponding(dataFolder: string): Finding {
  const check = 'responding';
  const stop = readStop(dataFolder);
  if (stop === undefined) return { check, status: 'ok', detail: 'commands are carried out' };
  const since = new Date(stop.since_ms).toISOString();
  const where = stop.source === 'router' ? 'on all nodes' : 'on this node';
  const detail = `stopped ${where} since ${since} by ${stop.by}: ${stop.reason}`;
  return { check, status: 'limited', detail, remedy: 'lanner resume-responding' };
}

function report(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.map(({ check, status, detail, remedy }) => {
    const line = `${check.padEnd(width)}  ${marks[status].padEnd(11)}  ${detail}\n`;
    return remedy === undefined ? line : `${line}${' '.repeat(width + 15)}→ ${remedy}\n`;
  });
  const blocked = findings.some(({ status }) => status === 'unsupported');
  const hint = blocked ? '\nThe agent cannot run here; `lanner router` still does.\n' : '';
  return lines.join('') + hint;
}
