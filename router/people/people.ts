import { createHash, timingSafeEqual } from 'node:crypto';
import type { Secrets } from '#playbooks/language/playbook';
import { OPERATOR, type PeopleSettings } from '../config/people-settings.ts';
import { fillSecrets } from '../runs/secrets.ts';

/** Who is who, and who belongs where. */
export type People = {
  /** The person whose token an `Authorization` header holds. */
  byAuthorization(authorization: string | undefined): string | undefined;
  bySlack(member: string): string | undefined;
  /** Whether the person is in any of the groups. */
  isIn(person: string, groups: readonly string[]): boolean;
  /** Those of the groups that have an e-mail address, each once. */
  withEmail(groups: readonly string[]): readonly { readonly person: string; readonly email: string }[];
};

const LEAST_LETTERS = 16;
/** A token that was changed counts after so long. */
const KNOWN_MS = 10_000;

type Tokens = {
  readonly readMs: number;
  readonly all: readonly { readonly person: string; readonly digest: Buffer }[];
};

/** `token`: the router's own; whoever has it is the operator. */
export function makePeople(
  { people, groups }: PeopleSettings,
  token: string,
  secrets: Secrets,
  nowMs: () => number,
): People {
  let tokens: Tokens | undefined;
  const read = (): Tokens['all'] => {
    if (tokens !== undefined && nowMs() - tokens.readMs < KNOWN_MS) return tokens.all;
    const own = Object.entries(people).flatMap(([person, settings]) => {
      const filled = fillSecrets(settings.token, secrets);
      const value = filled.ok ? filled.value : undefined;
      return typeof value === 'string' && value.length >= LEAST_LETTERS ? [{ person, digest: digestOf(value) }] : [];
    });
    tokens = { readMs: nowMs(), all: [{ person: OPERATOR, digest: digestOf(token) }, ...own] };
    return tokens.all;
  };
  return {
    byAuthorization(authorization) {
      const given = /^Bearer ([!-~]{1,1024})$/.exec(authorization ?? '')?.[1];
      if (given === undefined) return undefined;
      const digest = digestOf(given);
      // All of them, so that the time tells nothing.
      return read().filter((one) => timingSafeEqual(one.digest, digest))[0]?.person;
    },
    bySlack: (member) => Object.entries(people).find(([, { slack }]) => slack === member)?.[0],
    isIn: (person, wanted) => wanted.some((group) => Object.hasOwn(groups, group) && groups[group]?.includes(person)),
    withEmail: (wanted) =>
      [...new Set(wanted.flatMap((group) => groups[group] ?? []))].flatMap((person) => {
        const email = people[person]?.email;
        return email === undefined ? [] : [{ person, email }];
      }),
  };
}

/** Hashes are compared, so neither length nor time tells anything. */
function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
