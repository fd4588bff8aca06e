import type { Log } from '#rules/cli/log';
import type { AgentOptions } from '../config/options.ts';
import { makeFile } from './file.ts';
import type { Output } from './output.ts';
import { makeRouterOutput } from './router.ts';
import { makeStdout } from './stdout.ts';

/** Every output that the options ask for; standard output always. */
export function openOutputs(options: AgentOptions, token: string | undefined, log: Log): readonly Output[] {
  const outputs: Output[] = [makeStdout(process.stdout, { form: options.output, jsonParts: options.jsonParts })];
  const { alertsFile, router, dataFolder, spoolMaxBytes } = options;
  if (alertsFile !== undefined) {
    outputs.push(
      makeFile(alertsFile, options.jsonParts, (reason) =>
        log('error', 'alerts cannot be written to the file', { reason }),
      ),
    );
  }
  if (router !== undefined && token !== undefined) {
    outputs.push(makeRouterOutput({ url: router.url, token, dataFolder, spoolMaxBytes, log }));
  }
  return outputs;
}
