import { fieldText } from '#rules/language/catalogue';
import { conditionFields } from '#rules/language/condition-fields';
import { templateFields } from '#rules/language/format';
import { isActive, type Rule } from '#rules/language/rule-set';

/** What is long or dear, so that it is captured only when some rule looks at it: the fields that show it. */
const needs = {
  /** The environment that a program was started with; what Mesos and Marathon tell their tasks is in it. */
  environment: /^(proc\.env|mesos\.|marathon\.|evt\.(raw)?arg\.env|evt\.(raw)?args?(\[|$)|evt\.info$)/,
  /** The descriptors that poll(2) waits for. */
  polled: /^(fdlist\.|evt\.(raw)?arg\.fds$|evt\.(raw)?args?(\[|$)|evt\.info$)/,
  threadRates: /^thread\.cpu(\.|$)/,
  threadTotals: /^thread\.totexectime$/,
} as const;

export type Needs = Readonly<Record<keyof typeof needs, boolean>>;

const needsThat = (isNeeded: (need: keyof typeof needs) => boolean): Needs => ({
  environment: isNeeded('environment'),
  polled: isNeeded('polled'),
  threadRates: isNeeded('threadRates'),
  threadTotals: isNeeded('threadTotals'),
});

export const eitherNeeds = (one: Needs, other: Needs): Needs => needsThat((need) => one[need] || other[need]);

export const needsOf = (rules: readonly Rule[]): Needs => needsThat((need) => readsSome(rules, needs[need]));

function readsSome(rules: readonly Rule[], fields: RegExp): boolean {
  return rules.filter(isActive).some((rule) => {
    const names = [...conditionFields(rule.condition).keys(), ...templateFields(rule.template).map(fieldText)];
    return names.some((name) => fields.test(name));
  });
}
