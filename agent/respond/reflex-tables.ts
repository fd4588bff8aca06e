import {
  type KernelFormula,
  type KernelTest,
  kernelNumbers,
  kernelTexts,
  MOST_TEXT_BYTES,
} from '#playbooks/language/kernel-condition';
import { byteStringToBytes } from '#rules/language/byte-string';

/** Sizes and numbers of native/bpf/reflex.h; test/kernel/layout.test.ts compares the two. */
export const reflexLayout = {
  /** In each of two banks: one is asked while the other is filled. */
  mostTests: 1_024,
  mostReflexes: 24,
  mostPathBytes: 127,
  end: 0x7fff,
  fires: 0x8000,
  test: { subject: 0, how: 1, length: 2, yes: 4, no: 6, otherwise: 8, number: 16, text: 24, size: 88 },
  control: {
    switches: 0,
    window_ns: 8,
    most: 16,
    mnt_ns: 20,
    asks_containers: 24,
    size: 32,
  },
  denying: 24,
  any: 48,
  off: 49,
  second: 50,
} as const;

export const reflexOperators = ['whole', 'begins', 'ends', 'longer', 'equals', 'greater', 'has'] as const;
export const reflexSubjects: readonly string[] = [...kernelTexts, ...kernelNumbers];

/** One test, and where each of its answers leads: to another test by number, to `end`, or to a reflex that fires. */
export type TableTest = {
  readonly test: KernelTest;
  readonly yes: number;
  readonly no: number;
  /** Where the next reflex begins: this one cannot be told, or has fired. */
  readonly otherwise: number;
};

export type ReflexTable =
  | { readonly ok: true; readonly tests: readonly TableTest[] }
  | { readonly ok: false; readonly reason: string };

/**
 * All formulas as one table, asked from the first test on, one reflex after the other. Every test leads forward, so the
 * kernel comes to an end.
 */
export function makeReflexTable(formulas: readonly KernelFormula[]): ReflexTable {
  const { mostReflexes, mostTests, fires, end } = reflexLayout;
  if (formulas.length > mostReflexes) {
    return { ok: false, reason: `${formulas.length} steps in the kernel are more than ${mostReflexes}` };
  }
  // Built from the end, numbered from there, and turned round at last.
  const backwards: {
    readonly test: KernelTest;
    readonly yes: number;
    readonly no: number;
    readonly otherwise: number;
  }[] = [];
  let next = -1;
  for (let at = formulas.length - 1; at >= 0; at--) {
    const formula = formulas[at];
    if (formula === undefined) continue;
    const otherwise = next;
    const place = (node: KernelFormula, yes: number, no: number): number => {
      switch (node.kind) {
        case 'not':
          return place(node.child, no, yes);
        case 'and':
          return node.children.reduceRight((after, child) => place(child, after, no), yes);
        case 'or':
          return node.children.reduceRight((after, child) => place(child, yes, after), no);
        case 'test':
          return backwards.push({ test: node.test, yes, no, otherwise }) - 1;
      }
    };
    next = place(formula, fires | at, otherwise);
    if (next >= fires) return { ok: false, reason: 'a condition that holds for every program' };
  }
  const last = backwards.length - 1;
  if (backwards.length > mostTests) {
    return { ok: false, reason: `the conditions of all steps in the kernel have more than ${mostTests} comparisons` };
  }
  const turned = (to: number): number => (to >= fires ? to : to < 0 ? end : last - to);
  const tests = backwards
    .map(({ test, yes, no, otherwise }) => ({ test, yes: turned(yes), no: turned(no), otherwise: turned(otherwise) }))
    .reverse();
  return { ok: true, tests };
}

/** Two tables as the kernel reads them (`struct reflex_test`), each in a bank of its own. */
export function encodeReflexTests(banks: readonly (readonly TableTest[])[]): Uint8Array {
  const { test: at, mostTests } = reflexLayout;
  const bytes = new Uint8Array(2 * mostTests * at.size);
  for (const [bank, tests] of banks.entries()) encodeBank(bytes, bank * mostTests, tests);
  return bytes;
}

function encodeBank(bytes: Uint8Array, first: number, tests: readonly TableTest[]): void {
  const { test: at, end } = reflexLayout;
  const view = new DataView(bytes.buffer);
  const placed = (to: number): number => (to >= end ? to : to + first);
  for (const [index, { test, yes, no, otherwise }] of tests.entries()) {
    const from = (first + index) * at.size;
    view.setUint8(from + at.subject, reflexSubjects.indexOf(test.subject));
    view.setUint8(from + at.how, reflexOperators.indexOf(test.operator));
    view.setUint16(from + at.yes, placed(yes), true);
    view.setUint16(from + at.no, placed(no), true);
    view.setUint16(from + at.otherwise, placed(otherwise), true);
    if ('text' in test) {
      const text = byteStringToBytes(test.text);
      if (text.length > MOST_TEXT_BYTES) throw new Error('a text is longer than the kernel compares');
      view.setUint16(from + at.length, text.length, true);
      bytes.set(text, from + at.text);
    } else {
      view.setBigUint64(from + at.number, BigInt(test.number), true);
    }
  }
}

/** What the kernel asks beside the tests (`struct reflex_control`). */
export type ReflexControl = {
  readonly reflexes: number;
  /** A bit for each that kills. */
  readonly enforced: number;
  /** A bit for each that denies. */
  readonly denied: number;
  readonly isStopped: boolean;
  /** The one that is asked. */
  readonly bank: 0 | 1;
  /** Kills in a window. */
  readonly most: number;
  readonly windowNs: number;
  /** The host's mount namespace. */
  readonly mntNs: number;
  /** Whether the guard rails have to look at a container before anything is killed in it. */
  readonly asksContainers: boolean;
};

export function encodeReflexControl(control: ReflexControl): Uint8Array {
  const { control: at, denying, any, off, second } = reflexLayout;
  const bits = control.enforced + control.denied * 2 ** denying;
  const isOn = { [any]: control.reflexes > 0, [off]: control.isStopped, [second]: control.bank === 1 };
  const switches = Object.entries(isOn).reduce((sum, [bit, on]) => (on ? sum + 2 ** Number(bit) : sum), bits);
  const bytes = new Uint8Array(at.size);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(at.switches, BigInt(switches), true);
  view.setUint32(at.most, control.most, true);
  view.setBigUint64(at.window_ns, BigInt(control.windowNs), true);
  view.setUint32(at.mnt_ns, control.mntNs, true);
  view.setUint32(at.asks_containers, Number(control.asksContainers), true);
  return bytes;
}

/** What is known of a program that is started; a missing value is not known. */
export type ProgramFacts = Readonly<Partial<Record<(typeof kernelTexts)[number], string>>> &
  Readonly<Partial<Record<(typeof kernelNumbers)[number], number>>>;

/** Does in TypeScript what native/bpf/reflex.h does: the numbers of the reflexes that fire. */
export function firedBy(tests: readonly TableTest[], facts: ProgramFacts): readonly number[] {
  const fired: number[] = [];
  for (let at = 0; ; ) {
    const one = tests[at];
    if (one === undefined) return fired;
    const holds = holdsOf(one.test, facts);
    const next = holds === undefined ? one.otherwise : holds ? one.yes : one.no;
    if (next >= reflexLayout.fires) fired.push(next - reflexLayout.fires);
    at = next >= reflexLayout.fires ? one.otherwise : next;
  }
}

function holdsOf(test: KernelTest, facts: ProgramFacts): boolean | undefined {
  const value = facts[test.subject];
  if (value === undefined || value === '') return undefined;
  if (typeof value === 'string') {
    switch (test.operator) {
      case 'whole':
        return value === test.text;
      case 'begins':
        return value.startsWith(test.text);
      case 'ends':
        return value.endsWith(test.text);
      case 'longer':
        return value.length > test.number;
      default:
        return undefined;
    }
  }
  switch (test.operator) {
    case 'equals':
      return value === test.number;
    case 'greater':
      return value > test.number;
    case 'has':
      return (value & test.number) !== 0;
    default:
      return undefined;
  }
}
