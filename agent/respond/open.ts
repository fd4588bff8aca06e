import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '#rules/cli/log';
import type { Engine } from '../state/containers/engine.ts';
import type { NodeAction } from './action.ts';
import { type Channel, openChannel } from './channel.ts';
import { makeContainerKill } from './container-kill.ts';
import { openJournal } from './journal.ts';
import { makePerformer } from './perform.ts';

export type ResponseOptions = {
  readonly url: URL;
  readonly token: string;
  readonly dataFolder: string;
  readonly node: string;
  readonly agentVersion: string;
  readonly bootId: string;
  readonly engines: () => readonly Engine[];
  readonly log: Log;
};

/** One id for each boot of this host. */
export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
}

/** Takes the router's commands and carries them out on this host. */
export function openResponse(options: ResponseOptions): Channel {
  const { url, token, dataFolder, node, agentVersion, bootId, engines, log } = options;
  const journal = openJournal(join(dataFolder, 'receipts.jsonl'), (reason) =>
    log('warn', 'receipts of commands cannot be kept on disk: after a restart a command may be carried out again', {
      reason,
    }),
  );
  const actions: ReadonlyMap<string, NodeAction> = new Map([
    ['container.kill', makeContainerKill({ engines, self: process.pid, bootId })],
  ]);
  const channel = openChannel({
    url,
    token,
    node,
    agentVersion,
    bootId,
    actions: [...actions.keys()],
    perform: makePerformer({ actions, journal, log, nowMs: Date.now }),
    unacknowledged: () => journal.unacknowledged(),
    acknowledged: (command) => journal.acknowledge(command),
    log,
  });
  return {
    isConnected: () => channel.isConnected(),
    close() {
      channel.close();
      journal.close();
    },
  };
}
