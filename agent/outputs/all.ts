import type { Log } from '#rules/cli/log';
import type { AgentOptions } from '../config/options.ts';
import type { OutputSettings } from '../config/outputs.ts';
import { makeChannel } from './channel.ts';
import { makeFile } from './file.ts';
import { makeHttp } from './http.ts';
import type { Output } from './output.ts';
import { makeEachProgram, makeRunningProgram } from './program.ts';
import { makeRouterOutput } from './router.ts';
import type { Sink } from './sink.ts';
import { makeStdout, makeStdoutSink } from './stdout.ts';
import { makeSyslog } from './syslog.ts';

/** Every output that the options ask for; standard output, too, where no file of outputs says what goes there. */
export function openOutputs(options: AgentOptions, token: string | undefined, log: Log): readonly Output[] {
  const outputs: Output[] = [];
  const { alertsFile, router, dataFolder, spoolMaxBytes, jsonParts } = options;
  if (options.outputs === undefined) outputs.push(makeStdout(process.stdout, { form: options.output, jsonParts }));
  else for (const one of options.outputs) outputs.push(openOutput(one, options, log));
  if (alertsFile !== undefined) {
    const target = { kind: 'file', path: alertsFile, rotateBytes: undefined, keep: 0 } as const;
    const all = { minPriority: undefined, rules: [], tags: [] };
    const settings = { select: all, format: { kind: 'json' }, rate: undefined, to: target } as const;
    outputs.push(openOutput({ ...settings, name: '--alerts-file' }, options, log));
  }
  if (router !== undefined && token !== undefined) {
    outputs.push(makeRouterOutput({ url: router.url, token, dataFolder, spoolMaxBytes, log }));
  }
  return outputs;
}

function openOutput(settings: OutputSettings, options: AgentOptions, log: Log): Output {
  const { name, to } = settings;
  const failed = (reason: string): void => log('error', 'an output takes no alerts', { output: name, reason });
  return makeChannel(settings, openSink(to, options, failed), options.jsonParts, () => performance.now());
}

function openSink(to: OutputSettings['to'], { hostname }: AgentOptions, failed: (reason: string) => void): Sink {
  switch (to.kind) {
    case 'stdout':
      return makeStdoutSink(process.stdout);
    case 'file':
      return makeFile(to, failed);
    case 'syslog':
      return makeSyslog({ ...to, hostname }, failed);
    case 'program':
      return to.keepRunning ? makeRunningProgram(to.argv, failed) : makeEachProgram(to.argv, failed);
    case 'http':
      return makeHttp(to, failed);
  }
}
