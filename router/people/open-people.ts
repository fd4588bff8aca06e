import { randomBytes } from 'node:crypto';
import type { Secrets } from '#playbooks/language/playbook';
import type { Log } from '#rules/cli/log';
import { makeHttp } from '../clients/http.ts';
import { OPERATOR } from '../config/people-settings.ts';
import type { Destination, RouterFile } from '../config/router-file.ts';
import type { Signed } from '../queue/outward.ts';
import type { Redis } from '../redis/connection.ts';
import type { Ask } from '../runs/outward.ts';
import type { AuditEntry, RunPorts } from '../runs/ports.ts';
import { fillSecrets } from '../runs/secrets.ts';
import type { DigestStore } from '../store/digests.ts';
import { keys } from '../store/keys.ts';
import { makeTimedStore } from '../store/timed.ts';
import { type Answers, makeAnswers } from './answers.ts';
import { type ApprovalDesk, type ApprovalPorts, makeApprovalDesk } from './approvals.ts';
import { type Digests, makeDigests } from './digests.ts';
import { type Links, makeLinks } from './links.ts';
import { makePageDesk, type PageDesk, type PagePorts } from './pages.ts';
import { makePeople, type People } from './people.ts';

const SWEEP_MS = 1_000;
const REPLY_MS = 5_000;
/** Where answers to Slack's buttons go; whatever else a request names is not asked. */
const slackHosts: ReadonlySet<string> = new Set(['hooks.slack.com', 'hooks.slack-gov.com']);

/** Who people are and how they are reached; needed before anything is sent. */
export type WhoIsWho = {
  readonly people: People;
  readonly maySilence: (person: string) => boolean;
  readonly links: Links;
  readonly sign: (ask: Ask) => Signed;
  /** `undefined`: such answers are not taken. */
  readonly hooks: Readonly<Record<'slackSecret' | 'pagerdutySecret' | 'opsgenieToken', () => string | undefined>>;
  /** To the person who pressed a button in Slack. */
  readonly reply: (url: string, text: string) => void;
};

export type PeopleSide = {
  readonly approvals: ApprovalDesk;
  readonly pages: PageDesk;
  readonly digests: Digests;
  readonly answers: Answers;
  close(): void;
};

type WhoPorts = { readonly token: string; readonly secrets: Secrets; readonly nowMs: () => number; readonly log: Log };

export async function openWhoIsWho(redis: Redis, file: RouterFile, ports: WhoPorts): Promise<WhoIsWho> {
  const { people: settings } = file;
  const links = makeLinks(await linkKey(redis));
  const secretOf = (written: string | undefined): string | undefined => {
    const filled = fillSecrets(written, ports.secrets);
    return filled.ok && typeof filled.value === 'string' && filled.value !== '' ? filled.value : undefined;
  };
  const { hooks } = settings;
  const slackSecret = () => secretOf(hooks.slack?.signing_secret);
  const people = makePeople(settings, ports.token, ports.secrets, ports.nowMs);
  const http = makeHttp();
  return {
    people,
    maySilence: (person) => person === OPERATOR || people.isIn(person, settings.silences.by),
    links,
    sign(ask) {
      const token = links.sign(ask);
      const base = settings.public_url?.replace(/\/+$/, '');
      return { token, url: base && `${base}/answer/${token}`, hasButtons: slackSecret() !== undefined };
    },
    hooks: {
      slackSecret,
      pagerdutySecret: () => secretOf(hooks.pagerduty?.secret),
      opsgenieToken: () => secretOf(hooks.opsgenie?.token),
    },
    reply(address, text) {
      const url = URL.canParse(address) ? new URL(address) : undefined;
      if (url?.protocol !== 'https:' || !slackHosts.has(url.host)) return;
      const body = JSON.stringify({ response_type: 'ephemeral', replace_original: false, text });
      const request = { method: 'POST', url, headers: { 'content-type': 'application/json' }, body };
      void http.send(request, AbortSignal.timeout(REPLY_MS)).then((outcome) => {
        // The answer itself counts; that its presser is told is a courtesy.
        if (outcome.kind !== 'answer') ports.log('debug', 'Slack was not told what a button did', { host: url.host });
      });
    },
  };
}

export type PeoplePorts = {
  readonly who: WhoIsWho;
  readonly destinations: readonly Destination[];
  readonly hand: RunPorts['hand'];
  readonly handNow: RunPorts['hand'];
  readonly digests: DigestStore;
  readonly wake: (run: string) => Promise<void>;
  readonly audit: (entry: AuditEntry) => Promise<unknown>;
  readonly counted: ApprovalPorts['counted'];
  readonly pageCounted: PagePorts['counted'];
  readonly nowMs: () => number;
  readonly log: Log;
};

export function openPeopleSide(redis: Redis, ports: PeoplePorts): PeopleSide {
  const { who, destinations, log } = ports;
  const kindOf = (name: string): string | undefined => destinations.find((one) => one.name === name)?.kind;
  const digests = makeDigests({
    store: ports.digests,
    kindOf,
    handNow: ports.handNow,
    nowMs: ports.nowMs,
  });
  const approvals = makeApprovalDesk({
    ...ports,
    store: makeTimedStore(redis, 'approval'),
    people: who.people,
    kindOf,
  });
  const pages = makePageDesk({ ...ports, counted: ports.pageCounted, store: makeTimedStore(redis, 'page'), kindOf });
  let isSweeping = false;
  const sweep = async (): Promise<void> => {
    if (isSweeping) return;
    isSweeping = true;
    for (const [what, one] of [
      ['questions', approvals],
      ['pages', pages],
      ['digests', digests],
    ] as const) {
      await one.sweep().catch((error: unknown) => {
        // Redis is away: its connection says so, and the next look is soon.
        log('debug', `${what} were not looked at`, { reason: String(error) });
      });
    }
    isSweeping = false;
  };
  const timer = setInterval(() => void sweep(), SWEEP_MS);
  return { approvals, pages, digests, answers: makeAnswers(approvals, pages), close: () => clearInterval(timer) };
}

/** The same for all routers over one Redis; whoever reads that can do everything anyway. */
async function linkKey(redis: Redis): Promise<Buffer> {
  await redis.set(keys.linkKey, randomBytes(32).toString('base64url'), 'NX');
  return Buffer.from((await redis.get(keys.linkKey)) ?? '', 'base64url');
}
