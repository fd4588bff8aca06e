import { hostname } from 'node:os';
import { join } from 'node:path';
import { matchPlaybooks } from '#playbooks/language/match';
import { actionSteps, type Playbook, withoutSteps } from '#playbooks/language/playbook';
import type { Run, RunMode } from '#playbooks/language/run';
import type { Log } from '#rules/cli/log';
import { actionCatalogue, outwardCatalogue } from './actions/all.ts';
import { makeKubernetes } from './clients/kubernetes.ts';
import { findStrays } from './config/find-strays.ts';
import type { FolderRules } from './config/folder-rules.ts';
import type { Listen } from './config/options.ts';
import { OPERATOR } from './config/people-settings.ts';
import type { RouterFile } from './config/router-file.ts';
import { makeApp } from './http/app.ts';
import { describeDestination, measureDestination } from './http/destination-routes.ts';
import { makeMetrics } from './http/metrics.ts';
import { makeServer } from './http/server.ts';
import { alertIdOf } from './ingest/alert-id.ts';
import { type IngestPorts, ingest } from './ingest/ingest.ts';
import { alertOfStop, describeVerdict } from './ingest/verdict.ts';
import { makeChannel } from './nodes/channel.ts';
import { makeEvidenceKeeper } from './nodes/evidence.ts';
import { makeOutbox } from './nodes/outbox.ts';
import { makeNodeRegistry } from './nodes/registry.ts';
import { openResponding } from './nodes/responding.ts';
import { openPeopleSide, openWhoIsWho } from './people/open-people.ts';
import { makeExpress } from './queue/express.ts';
import { makeOutward } from './queue/outward.ts';
import { type JobResult, makeRunQueue, makeRunWorker, type RunJob, runIdOf } from './queue/queue.ts';
import { type ConnectionUse, connect, type RedisAddress, whenReady } from './redis/connection.ts';
import { makeMemoryWatch } from './redis/memory.ts';
import { dryRun } from './runs/dry-run.ts';
import { type Lane, performRun } from './runs/perform.ts';
import type { RunPorts } from './runs/ports.ts';
import { makeAlertStore } from './store/alerts.ts';
import { makeAuditLog } from './store/audit.ts';
import { makeDestinationStore } from './store/destinations.ts';
import { makeDigestStore } from './store/digests.ts';
import { makeEvidenceStore } from './store/evidence.ts';
import { makeGates } from './store/gates.ts';
import { makeHolds } from './store/holds.ts';
import { makeLiveFeed } from './store/live.ts';
import { makeRevisionStore } from './store/revisions.ts';
import { makeRunStore } from './store/runs.ts';
import { openSilences } from './store/silences.ts';
import { describeSync, measureSync, readSecret } from './sync/describe.ts';
import { openSync } from './sync/sync.ts';

const REDIS_READY_MS = 10_000;
/** Runs that take longer to stop are cut off; their journals say where they stood. */
const WORKER_END_MS = 500;
const DRY_RUN_MS = 60_000;

export type RouterSettings = {
  readonly redis: RedisAddress;
  /** No other router works on this Redis. */
  readonly isAlone: boolean;
  readonly listen: Listen;
  readonly token: string;
  readonly playbooks: readonly Playbook[];
  readonly file: RouterFile;
  /** For agents, out of files. */
  readonly rules?: FolderRules | undefined;
  readonly dataFolder: string;
  readonly mode: RunMode;
  /** `/readyz` says no before so many nodes are connected here. */
  readonly leastNodes: number;
  readonly secrets: RunPorts['secrets'];
  readonly log: Log;
  readonly runFinished: (run: Run) => void;
};

export type RunningRouter = { readonly url: string; close(): Promise<void> };

/** Redis → store, queue, nodes → HTTP: everything that a replica of the router is, put together. Rejects when the port is taken. */
export async function startRouter(settings: RouterSettings): Promise<RunningRouter> {
  const { log, mode } = settings;
  const nowMs = (): number => Date.now();
  const open = (use: ConnectionUse) => connect(settings.redis, use, log);
  const [requests, subscriber, reader, jobs] = [open('request'), open('worker'), open('worker'), open('worker')];
  const disconnect = (): void => {
    for (const redis of [requests, subscriber, reader, jobs]) redis.disconnect();
  };
  try {
    await Promise.all([requests, subscriber, reader, jobs].map((redis) => whenReady(redis, REDIS_READY_MS)));
  } catch (error) {
    disconnect();
    throw error;
  }

  const metrics = makeMetrics();
  const alerts = makeAlertStore(requests);
  const audit = makeAuditLog(requests, nowMs);
  const runs = makeRunStore(requests, audit.append);
  const queue = makeRunQueue(requests);
  const outbox = await makeOutbox(requests, subscriber, audit.append, nowMs);
  const registry = makeNodeRegistry(requests, nowMs);
  const feed = makeLiveFeed(reader, requests);
  const gates = makeGates(requests, nowMs);
  const memory = makeMemoryWatch(requests);
  const who = await openWhoIsWho(requests, settings.file, { ...settings, nowMs });
  const identify = who.people.byAuthorization;
  const responding = await openResponding(requests, subscriber);
  responding.onChange((stop) =>
    log('warn', stop === undefined ? 'nodes may respond again' : 'nodes are told not to respond', { ...stop }),
  );
  const revision = {
    current: () => sync?.current()?.commit ?? settings.rules?.commit,
    onChange: (listener: (commit: string) => void) => sync?.onChange(listener) ?? (() => undefined),
  };
  const channel = makeChannel({
    outbox,
    registry,
    responding,
    revision,
    isAllowed: (header) => identify(header) === OPERATOR,
    log,
    nowMs,
  });

  const timingOf = (name: string) => settings.file.destinations.find((one) => one.name === name)?.digest;
  const digests = makeDigestStore(requests, timingOf, nowMs);
  const outward = makeOutward(requests, jobs, {
    destinations: settings.file.destinations,
    actions: outwardCatalogue,
    store: makeDestinationStore(requests, nowMs),
    secrets: settings.secrets,
    audit: audit.append,
    sign: who.sign,
    gather: (message, digest) => people.digests.gather(message, digest),
    gathered: digests.waiting,
    nowMs,
    log,
    counted: (destination, outcome, waitedMs) => {
      metrics.deliveries.inc({ destination, outcome });
      if (outcome === 'delivered') metrics.deliverySeconds.observe({ destination }, waitedMs / 1_000);
    },
  });

  const kubernetes = makeKubernetes(settings.file.kubernetes, () => responding.current() !== undefined);
  const loadForThese = async (playbooks: readonly Playbook[]): Promise<void> => {
    if (!playbooks.some((playbook) => actionSteps(playbook).some(({ uses }) => /^(k8s|node)\./.test(uses)))) return;
    const reason = await kubernetes.load();
    if (reason !== undefined) log('warn', 'k8s actions of the playbooks will fail', { reason });
  };

  const silences = await openSilences(requests, subscriber);
  const people = openPeopleSide(requests, {
    who,
    destinations: settings.file.destinations,
    hand: outward.hand,
    handNow: outward.handNow,
    digests,
    wake: queue.wake,
    audit: audit.append,
    counted: (outcome) => metrics.approvals.inc({ outcome }),
    pageCounted: (outcome) => metrics.pages.inc({ outcome }),
    nowMs,
    log,
  });
  const ports: RunPorts = {
    actions: actionCatalogue,
    ledger: runs,
    sendToNode: outbox.send,
    hand: outward.hand,
    explainHand: outward.explainHand,
    kubernetes,
    approvals: people.approvals,
    pages: people.pages,
    secrets: settings.secrets,
    nowMs,
    random: Math.random,
  };
  /** A run ends on the commit that it began on. */
  const playbookOf = async ({ playbook, revision }: RunJob): Promise<Playbook | undefined> => {
    const loaded = revision === undefined ? settings.playbooks : await sync?.playbooksAt(revision);
    return loaded?.find(({ name }) => name === playbook);
  };
  const perform = async (job: RunJob, signal: AbortSignal, lane: Lane, isNew: boolean): Promise<JobResult> => {
    const loaded = await playbookOf(job);
    const playbook = loaded ?? withoutSteps(job.playbook);
    // What it has done is undone all the same.
    if (loaded === undefined && (await runs.load(runIdOf(job))) === undefined) {
      log('warn', 'a run is left out: its playbook is not loaded any more', { alert: job.id, playbook: job.playbook });
      return { kind: 'finished' };
    }
    const { id: alertId, alert, guards, revision } = job;
    const runId = runIdOf(job);
    const own = playbook.mode ?? mode;
    let { trigger } = job;
    if (job.window !== undefined) {
      const count = await gates.closeWindow(playbook.name, own, job.window, runId);
      if (count === 0) return { kind: 'finished' };
      trigger = { kind: 'summary', count, alerts: [alertId] };
    }
    const request = { runId, alertId, alert, playbook, mode: own, trigger, guards, revision, isNew, lane };
    const performed = await performRun(request, ports, signal);
    if (performed.justEnded) {
      metrics.runsFinished.inc({ playbook: job.playbook, state: performed.run.state });
      metrics.runSeconds.observe(Math.max(0, nowMs() - Date.parse(alert.time)) / 1_000);
      settings.runFinished(performed.run);
    }
    return performed;
  };
  if (settings.isAlone) {
    const count = (await queue.reclaim()) + (await outward.reclaim());
    if (count > 0) log('info', 'runs and deliveries that were cut off go on', { count });
  }
  const holds = makeHolds(requests, audit.append, settings.isAlone);
  const express = makeExpress(perform, holds, playbookOf, log);
  const { git } = settings.file;
  const sync =
    git &&
    (await openSync({
      settings: git,
      folder: join(settings.dataFolder, 'repository'),
      store: makeRevisionStore(requests),
      subscriber,
      actions: actionCatalogue,
      explain: (some) => findStrays(some, settings.file),
      raise: async (alert) => void (await ingest([alert], 'perhaps', ingestPorts)),
      hostname: hostname(),
      nowMs,
      log,
    }));
  const playbooks = (): readonly Playbook[] =>
    sync === undefined ? settings.playbooks : (sync.current()?.playbooks ?? []);
  const workers = (['quick', 'slow'] as const).map((lane) => makeRunWorker(jobs, lane, express.perform, log));
  await loadForThese(playbooks());
  sync?.onChange(() => void loadForThese(playbooks()));

  const ingestPorts: IngestPorts = {
    playbooks: () => ({ playbooks: playbooks(), revision: sync?.current()?.commit }),
    mode,
    queue,
    alerts,
    gates,
    silences,
    nowMs,
    runs,
    express,
    async decided(verdicts) {
      await Promise.all(verdicts.map((verdict) => audit.append(describeVerdict(verdict))));
      for (const { playbook, decision } of verdicts) {
        metrics.decisions.inc({
          playbook: playbook.name,
          decision: decision.kind === 'start' ? 'start' : decision.guard,
        });
      }
      const stops = verdicts.flatMap(alertOfStop);
      for (const { rule, output } of stops) log('error', rule, { reason: output });
      if (stops.length > 0) await ingest(stops, 'perhaps', ingestPorts);
    },
  };
  const evidence = makeEvidenceStore(requests, audit.append);
  const evidenceKeeper = makeEvidenceKeeper({
    folder: join(settings.dataFolder, 'kept-evidence'),
    settings: settings.file.evidence,
    store: evidence,
    secrets: settings.secrets,
    router: hostname(),
    nowMs,
    log,
  });
  const redisAnswers = async (): Promise<boolean> => (await requests.ping().catch(() => '')) === 'PONG';
  const app = makeApp({
    identify,
    answers: {
      answers: people.answers,
      open: people.approvals.open,
      pages: people.pages,
      links: who.links,
      identify,
      refused: (way, reason) => metrics.answersRefused.inc({ way, reason }),
      nowMs,
    },
    silences: { silences, maySilence: who.maySilence, audit: audit.append, nowMs },
    hooks: { ...who.hooks, bySlack: who.people.bySlack, reply: who.reply },
    alerts: {
      ingest: (received, seen) => ingest(received, seen, ingestPorts),
      latest: alerts.latest,
      refusal: memory.refusal,
      metrics,
    },
    health: {
      metrics,
      async readiness() {
        const isUp = await redisAnswers();
        const nodes = channel.connected();
        const parts = {
          redis: { ok: isUp, detail: isUp ? 'answers' : 'does not answer' },
          memory: { ok: memory.refusal() === undefined, detail: memory.refusal() ?? 'enough' },
          nodes: { ok: nodes >= settings.leastNodes, detail: `${nodes} connected, ${settings.leastNodes} wanted` },
          ...(sync && {
            sync: { ok: sync.current() !== undefined, detail: sync.current()?.commit ?? 'no commit was good yet' },
          }),
        };
        const ready = Object.values(parts).every(({ ok }) => ok);
        const destinations = (await outward.states().catch(() => [])).map(describeDestination);
        return { ready, parts: { ...parts, ...Object.fromEntries(destinations) } };
      },
      async measure() {
        metrics.respondingStopped.set(responding.current() === undefined ? 0 : 1);
        metrics.silences.set(
          (await silences.list().catch(() => [])).filter(({ until_ms }) => until_ms > nowMs()).length,
        );
        metrics.redisUp.set((await redisAnswers()) ? 1 : 0);
        metrics.nodesConnected.set(channel.connected());
        if (sync !== undefined) await measureSync(sync, metrics);
        for (const state of await outward.states().catch(() => [])) measureDestination(state, metrics);
        const counts = await queue.counts().catch(() => ({}));
        for (const playbook of playbooks()) {
          if (playbook.limits.blast === undefined) continue;
          const stopped = await gates.stopped(playbook.name, playbook.mode ?? mode).catch(() => undefined);
          metrics.playbookStopped.set({ playbook: playbook.name }, stopped === undefined ? 0 : 1);
        }
        for (const [state, count] of Object.entries(counts)) metrics.queueJobs.set({ state }, count);
      },
    },
    runs,
    nodes: registry,
    feed,
    responding: { current: responding.current, set: responding.set, connected: channel.connected, nowMs },
    playbooks: {
      playbooks,
      mode,
      gates,
      audit: audit.append,
      async dryRun(playbook, alert) {
        const id = alertIdOf(alert);
        const scope = { alert, alertId: id, steps: new Map() };
        const isMatch = matchPlaybooks([playbook], alert, id).length > 0;
        const runId = runIdOf({ id, playbook: playbook.name });
        const own = playbook.mode ?? mode;
        const silence = silences.find(scope, [playbook.name], nowMs());
        const decision = !isMatch
          ? 'no match'
          : silence === undefined
            ? await gates.peek(playbook, own, { runId, scope })
            : ({ kind: 'held', guard: 'silence', detail: silence.detail } as const);
        return dryRun(playbook, { id, alert }, decision, ports, AbortSignal.timeout(DRY_RUN_MS));
      },
    },
    audit,
    destinations: { ...outward, audit: audit.append },
    evidence: { ...evidenceKeeper, list: evidence.list, audit: audit.append, metrics },
    sync: sync && {
      run: sync.run,
      status: () => describeSync(sync),
      webhookSecret: () => readSecret(git?.webhook),
    },
    filesAt: async (commit) =>
      settings.rules?.commit === commit ? { rules: settings.rules.files } : sync?.filesAt(commit),
    status: () => ({ commit: sync?.current()?.commit ?? null, playbooks: playbooks().map(({ name }) => name) }),
    failed: (error) => log('error', 'a request failed', { reason: error.message }),
  });

  const server = makeServer(app.fetch, channel.upgrade);
  const close = async (): Promise<void> => {
    express.close();
    memory.close();
    feed.close();
    channel.close();
    responding.close();
    sync?.close();
    people.close();
    silences.close();
    server.close();
    await Promise.all([...workers.map((worker) => worker.close(WORKER_END_MS)), outward.close(WORKER_END_MS)]);
    await queue.close().catch(() => undefined);
    disconnect();
  };
  try {
    return { url: await server.listen(settings.listen), close };
  } catch (error) {
    await close();
    throw error;
  }
}
