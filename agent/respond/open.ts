import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { openPidfds } from '#native';
import type { NodeCommand, Receipt } from '#playbooks/command';
import type { Log } from '#rules/cli/log';
import type { ResponseSettings } from '../config/protection.ts';
import type { InternalAlert } from '../engine/loss.ts';
import type { CgroupContainer } from '../state/containers/cgroup.ts';
import type { Container, ContainerDetails } from '../state/containers/container.ts';
import type { Engine } from '../state/containers/engine.ts';
import type { ActionPorts } from './action.ts';
import { isDestructive, makeActions } from './actions.ts';
import { ActionCap } from './cap.ts';
import { openChannel } from './channel.ts';
import { openEvidenceFolder } from './evidence-folder.ts';
import { openEvidenceUpload } from './evidence-upload.ts';
import { openJournal } from './journal.ts';
import { openOffSwitch } from './off-switch.ts';
import { makePerformer } from './perform.ts';
import { readSelf } from './process-facts.ts';

/** What an engine gets to describe a container that no event has told of yet. */
const DESCRIBE_MS = 1_000;
/** Refusals by the cap are told at most so often; each is in its receipt. */
const TELL_CAPPED_MS = 60_000;

export type ResponseOptions = {
  /** `undefined`: nobody sends commands. */
  readonly router:
    | { readonly url: URL; readonly token: string; readonly revision: Parameters<typeof openChannel>[0]['revision'] }
    | undefined;
  /** Told when the off switch is turned. */
  readonly stopChanged: (isStopped: boolean) => void;
  readonly dataFolder: string;
  readonly node: string;
  readonly agentVersion: string;
  readonly bootId: string;
  readonly settings: ResponseSettings;
  readonly containers: {
    readonly engines: () => readonly Engine[];
    readonly see: (named: CgroupContainer) => Container;
  };
  readonly descendants: ActionPorts['descendants'];
  readonly history: ActionPorts['history'];
  readonly raise: (alert: InternalAlert) => void;
  readonly log: Log;
};

/** One id for each boot of this host. */
export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
}

export type Response = {
  /** Carries a command out, whoever gives it; each id once. */
  perform(command: NodeCommand): Promise<Receipt>;
  isStopped(): boolean;
  /** May be called twice. */
  close(): void;
};

/** Carries commands out on this host: the router's, and what playbooks leave to the node. */
export function openResponse(options: ResponseOptions): Response {
  const {
    router,
    stopChanged,
    dataFolder,
    node,
    agentVersion,
    bootId,
    settings,
    containers,
    descendants,
    history,
    raise,
    log,
  } = options;
  const journal = openJournal(join(dataFolder, 'receipts.jsonl'), (reason) =>
    log('warn', 'receipts of commands cannot be kept on disk: after a restart a command may be carried out again', {
      reason,
    }),
  );
  const offSwitch = openOffSwitch({
    dataFolder,
    changed: (stop) => {
      stopChanged(stop !== undefined);
      raise(stopAlert(stop));
    },
    unwritable: (reason) => log('warn', 'that responding is stopped cannot be kept on disk', { reason }),
  });
  const before = offSwitch.stop();
  if (before !== undefined) log('warn', stopAlert(before).message, { reason: before.reason });
  const evidence = openEvidenceFolder(dataFolder);
  const upload = openEvidenceUpload({ router, folder: evidence, log });
  const actions = makeActions({
    engines: containers.engines,
    describe: makeDescribe(containers),
    descendants,
    history,
    self: readSelf(process.pid, realpathSync(process.argv[1] ?? '.')),
    protection: settings.protection,
    bootId,
    pidfds: openPidfds(),
    dataFolder,
    node,
    evidence,
    sendEvidence: upload.send,
  });
  const cap = new ActionCap(settings.mostActions);
  const perform = makePerformer({
    actions,
    isDestructive,
    offSwitch,
    cap,
    capped: makeCapped(cap, raise),
    journal,
    log,
    nowMs: Date.now,
  });
  const channel =
    router &&
    openChannel({
      ...router,
      node,
      agentVersion,
      bootId,
      actions: [...actions.keys()],
      perform,
      unacknowledged: () => journal.unacknowledged(),
      acknowledged: (command) => journal.acknowledge(command),
      responding: (stop) => offSwitch.fromRouter(stop),
      log,
    });
  return {
    perform,
    isStopped: () => offSwitch.stop() !== undefined,
    close() {
      channel?.close();
      upload.close();
      offSwitch.close();
      journal.close();
    },
  };
}

/** What the table knows from events, else what an engine says now. */
export function makeDescribe({ engines, see }: ResponseOptions['containers']): ActionPorts['describe'] {
  return async (named): Promise<ContainerDetails | undefined> => {
    const seen = see(named);
    if (seen.status === 'known') return seen.details;
    const answers = await Promise.all(engines().map((engine) => engine.inspect(named, DESCRIBE_MS)));
    return answers.find((answer) => answer.status === 'found')?.details ?? seen.details;
  };
}

function stopAlert(stop: { readonly reason: string; readonly by: string } | undefined): InternalAlert {
  const what = 'responding';
  if (stop === undefined) return { what, priority: 'Notice', message: 'This node responds again.', fields: {} };
  const { reason, by } = stop;
  return { what, priority: 'Warning', message: 'Responding is stopped on this node.', fields: { reason, by } };
}

function makeCapped(cap: ActionCap, raise: (alert: InternalAlert) => void) {
  let toldMs = Number.NEGATIVE_INFINITY;
  return ({ action, alert }: { readonly action: string; readonly alert: { readonly rule: string } }) => {
    if (performance.now() - toldMs < TELL_CAPPED_MS) return;
    toldMs = performance.now();
    raise({
      what: 'response cap',
      priority: 'Critical',
      message: `More than ${cap.most} destructive actions within a minute; further ones are refused.`,
      fields: { action, rule: alert.rule, refused: cap.refused },
    });
  };
}
