import type { CheckedTest } from '#rules/language/checked';
import type { FieldValue } from '#rules/language/field';
import { matcherOf } from '#rules/language/test-matcher';
import {
  ACCESS_SHIFT,
  ADDRESS_SHIFT,
  type FilterKind,
  feature,
  isCarrying,
  PORT_SHIFT,
  SORT_SHIFT,
  sorts,
} from './features.ts';
import { type PathPart, type PathTest, pathTestOf } from './literals.ts';
import { isOfAddress, isOfBothEnds, isOfPort, type Servers } from './servers.ts';

/** What is known of a test: `open` may be either. */
export type Verdict = 'no' | 'yes' | 'open';

/**
 * What the kernel side can say of one test of a rule. `feature`: by the bits in `bits`. `path`: by the path, and with
 * `when` only if the call went well: else there is no value, and the test fails. `undefined`: nothing.
 */
export type Atom =
  | { readonly kind: 'feature'; readonly bits: number; readonly verdict: (features: number) => Verdict }
  | {
      readonly kind: 'path';
      readonly test: PathTest;
      readonly when: 'always' | 'succeeded';
      /** Of an open by a process's own link: `name` is the link, `file` what it led to. */
      readonly of: 'name' | 'file';
    };

type ReadAtom = (test: CheckedTest, type: string) => Atom | undefined;

/** What each reader of fields/ yields, as far as the kernel side has it as well: keep the two alike. */
export function atomOf(test: CheckedTest, type: string, kind: FilterKind, servers: Servers): Atom | undefined {
  const { left, right } = test;
  if (kind === 'socket') {
    const atom = ofServer(test, servers);
    if (atom !== undefined) return atom;
  }
  if (left.kind !== 'field' || left.list || right.kind === 'expression') return undefined;
  const { spec, argument } = left.use;
  const name = argument === undefined ? spec.name : `${spec.name}.${argument}`;
  const read =
    (kind === 'open' && Object.hasOwn(ofOpens, name) ? ofOpens[name] : undefined) ??
    (kind === 'socket' && Object.hasOwn(ofSockets, name) ? ofSockets[name] : undefined) ??
    (Object.hasOwn(general, name) ? general[name] : undefined);
  return read?.(test, type);
}

/** The verdict on a value that is known. */
function judge(test: CheckedTest, value: FieldValue | undefined): Verdict {
  if (value === undefined) return 'no';
  const matches = matcherOf(test);
  return matches === undefined ? 'open' : matches(value) ? 'yes' : 'no';
}

/** All of the values give the same verdict, or it is open. */
function judgeAll(test: CheckedTest, values: readonly (FieldValue | undefined)[]): Verdict {
  const [first = 'open', ...others] = values.map((value) => judge(test, value));
  return others.every((verdict) => verdict === first) ? first : 'open';
}

/** A test of equality with values that are all among `few`: whatever is not among them is not equal. */
function isOnlyOf(test: CheckedTest, few: readonly unknown[]): boolean {
  const { operator, right } = test;
  const isEquality = operator === '=' || operator === '==' || operator === 'in' || operator === '!=';
  return isEquality && right.kind === 'constants' && right.values.every((value) => few.includes(value));
}

/** What holds of a value that is none of `few`. */
const judgeOther = (test: CheckedTest, few: readonly unknown[]): Verdict => {
  if (!isOnlyOf(test, few)) return 'open';
  // With several values and `!=`, a modifier decides; one is enough to tell.
  if (test.operator !== '!=') return test.modifier === 'allof' ? 'open' : 'no';
  return test.right.kind === 'constants' && test.right.values.length === 1 ? 'yes' : 'open';
};

const has = (features: number, bits: number): boolean => (features & bits) === bits;

const byBits =
  (bits: number, verdict: (test: CheckedTest, features: number, type: string) => Verdict): ReadAtom =>
  (test, type) => ({ kind: 'feature', bits, verdict: (features) => verdict(test, features, type) });

/** Numbers of which one is the result of every call that failed: operators are monotone, so the ends tell of all. */
const errors = [Number.MIN_SAFE_INTEGER, -2, -1];
const IN_PROGRESS = -115;
const mostResult = Number.MAX_SAFE_INTEGER;

const isOrder = (test: CheckedTest): boolean => ['<', '<=', '>', '>='].includes(test.operator);

/** A number that is negative after a failure and not else. */
const ofResult = (failure: readonly number[]): ReadAtom =>
  byBits(feature.failed, (test, features) => {
    const failed = has(features, feature.failed);
    if (failed && failure.length === 1) return judge(test, failure[0]);
    // Between the ends an order has one answer if both ends have the same; equality may have another.
    return isOrder(test) ? judgeAll(test, failed ? failure : [0, mostResult]) : 'open';
  });

const onHost = (other: (test: CheckedTest) => Verdict, value: FieldValue | undefined): ReadAtom =>
  byBits(feature.onHost | feature.inContainer, (test, features) => {
    if (has(features, feature.onHost)) return judge(test, value);
    return has(features, feature.inContainer) ? other(test) : 'open';
  });

const isHost = onHost((test) => judgeOther(test, ['host']), 'host');
/** Missing on the host. */
const ofContainer = onHost(() => 'open', undefined);

/** Fields of every event. */
const general: Readonly<Record<string, ReadAtom>> = {
  'evt.failed': byBits(feature.failed, (test, features) => judge(test, has(features, feature.failed))),
  'evt.rawres': ofResult(errors),
  'container.id': isHost,
  'container.full_id': isHost,
  'container.name': onHost(() => 'open', 'host'),
  'container.type': onHost(() => 'open', 'host'),
  ...Object.fromEntries(
    `image image.id image.repository image.tag image.digest privileged ip host_pid host_network host_ipc start_ts duration`
      .split(' ')
      .map((name) => [`container.${name}`, ofContainer]),
  ),
  'user.uid': byBits(feature.root, (test, features) =>
    has(features, feature.root) ? judge(test, 0) : judgeOther(test, [0]),
  ),
};

const path =
  (part: PathPart, of: 'name' | 'file', when: 'always' | 'succeeded' = 'always'): ReadAtom =>
  (test) => {
    const found = pathTestOf(test, part);
    return found === undefined ? undefined : { kind: 'path', test: found, when, of };
  };

const accessOf = (features: number): number => (features & feature.access) >> ACCESS_SHIFT;

/** `evt.arg.flags contains O_…`: the only tests of the flags that rules make. No other name holds one of these. */
const openFlag: ReadAtom = (test, type) => {
  const { operator, right } = test;
  if (type === 'creat' || operator !== 'contains' || right.kind !== 'constants' || right.values.length !== 1)
    return undefined;
  switch (right.values[0]) {
    case 'O_TRUNC':
      return byBits(feature.truncates, (_, features) => (has(features, feature.truncates) ? 'yes' : 'no'))(test, type);
    case 'O_CREAT':
      return byBits(feature.creates, (_, features) => (has(features, feature.creates) ? 'open' : 'no'))(test, type);
    default:
      return undefined;
  }
};

/** The path as it was given: of a text with `../` in it, the kernel side knows whether that is there. */
const givenPath: ReadAtom = (test) => {
  const { operator, right } = test;
  const climbs =
    right.kind === 'constants' &&
    right.values.length > 0 &&
    (operator === 'contains' || operator === 'glob') &&
    right.values.every((value) => typeof value === 'string' && /\.\.\//.test(value) && !/[[\\?]/.test(value));
  if (!climbs) return undefined;
  return {
    kind: 'feature',
    bits: feature.climbs,
    verdict: (features) => (has(features, feature.climbs) ? 'open' : 'no'),
  };
};

const isMade = (bits: number): ReadAtom =>
  byBits(bits, (test, features) => (has(features, bits) ? judgeAll(test, [true, false]) : judge(test, false)));

const ofOpens: Readonly<Record<string, ReadAtom>> = {
  'fd.name': path('path', 'name'),
  'fd.directory': path('folder', 'name'),
  'fd.filename': path('name', 'name'),
  'fs.path.name': path('path', 'file', 'succeeded'),
  'evt.abspath': path('path', 'file'),
  'evt.arg.name': (test, type) => (type === 'open_by_handle_at' ? undefined : path('path', 'file')(test, type)),
  'fd.nameraw': givenPath,
  'evt.arg.flags': openFlag,
  'fd.num': ofResult([-1]),
  'evt.res': byBits(feature.failed, (test, features) =>
    has(features, feature.failed) ? judgeOther(test, ['SUCCESS']) : judge(test, 'SUCCESS'),
  ),
  'fd.type': byBits(feature.directory, (test, features) =>
    judge(test, has(features, feature.directory) ? 'directory' : 'file'),
  ),
  'fd.typechar': byBits(feature.directory, (test, features) =>
    judge(test, has(features, feature.directory) ? 'd' : 'f'),
  ),
  'evt.is_open_read': byBits(feature.access, (test, features) => judge(test, [0, 2].includes(accessOf(features)))),
  'evt.is_open_write': byBits(feature.access, (test, features) => judge(test, [1, 2].includes(accessOf(features)))),
  'evt.is_open_exec': isMade(feature.createsProgram),
  'evt.is_open_create': isMade(feature.creates),
};

const sortIn = (features: number): number => (features & feature.sort) >> SORT_SHIFT;

/** The server's port or address. */
function ofServer(test: CheckedTest, { ports, addresses }: Servers): Atom | undefined {
  const [mask, shift, { examples }] = isOfPort(test)
    ? ([feature.port, PORT_SHIFT, ports] as const)
    : ([feature.address, ADDRESS_SHIFT, addresses] as const);
  if (!isOfPort(test) && !isOfAddress(test)) return undefined;
  const verdicts = examples.map((members) => judgeServer(test, members));
  return {
    kind: 'feature',
    bits: feature.sort | mask,
    verdict: (features) => {
      const sort = sortIn(features);
      if (sort === sorts.other || sort === sorts.unix) return 'no';
      return sort === sorts.unknown ? 'open' : (verdicts[(features & mask) >> shift] ?? 'open');
    },
  };
}

function judgeServer(test: CheckedTest, members: readonly FieldValue[]): Verdict {
  if (members.length === 0) return 'open';
  if (!isOfBothEnds(test)) return judgeAll(test, members);
  const verdict = judgeAll(
    test,
    members.map((member) => [member]),
  );
  // What the other end is, is not known: one end is enough for a test to pass, or for `!=` to fail.
  const telling = test.operator === '!=' ? 'no' : 'yes';
  return verdict === telling ? telling : 'open';
}

type SortValues = readonly [unix: FieldValue, ipv4: FieldValue, ipv6: FieldValue];

/** What a field is for each family; other families than these have a value that is not known, or none. */
const ofFamily = (known: SortValues): ReadAtom => {
  const [unix, ipv4, ipv6] = known;
  return byBits(feature.sort, (test, features) => {
    switch (sortIn(features)) {
      case sorts.unix:
        return judge(test, unix);
      case sorts.tcp4:
      case sorts.udp4:
        return judge(test, ipv4);
      case sorts.tcp6:
      case sorts.udp6:
        return judge(test, ipv6);
      case sorts.other:
        // A value that is none of these, or none at all: then `!=` fails as well.
        return test.operator === '!=' ? 'open' : judgeOther(test, known);
      default:
        return 'open';
    }
  });
};

const ofSockets: Readonly<Record<string, ReadAtom>> = {
  'fd.type': ofFamily(['unix', 'ipv4', 'ipv6']),
  'fd.typechar': ofFamily(['u', '4', '6']),
  'fd.sockfamily': ofFamily(['unix', 'ip', 'ip']),
  'fd.l4proto': byBits(feature.sort, (test, features) => {
    switch (sortIn(features)) {
      case sorts.unix:
      case sorts.other:
        return 'no';
      case sorts.tcp4:
      case sorts.tcp6:
        return judge(test, 'tcp');
      case sorts.udp4:
      case sorts.udp6:
        return judge(test, 'udp');
      default:
        return 'open';
    }
  }),
  // What carries data and names a peer is sent without a look at these.
  'fd.name_changed': (test, type) => (isCarrying(type) ? byBits(0, () => judge(test, false))(test, type) : undefined),
  'evt.res': byBits(feature.failed | feature.inProgress, (test, features) => {
    if (!has(features, feature.failed)) return judge(test, 'SUCCESS');
    return has(features, feature.inProgress)
      ? judge(test, 'EINPROGRESS')
      : judgeOther(test, ['SUCCESS', 'EINPROGRESS']);
  }),
  'evt.rawres': byBits(feature.failed | feature.inProgress, (test, features) => {
    if (has(features, feature.inProgress)) return judge(test, IN_PROGRESS);
    if (!isOrder(test)) return 'open';
    return judgeAll(test, has(features, feature.failed) ? errors : [0, mostResult]);
  }),
};
