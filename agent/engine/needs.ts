import { fieldText } from '#rules/language/catalogue';
import { conditionFields } from '#rules/language/condition-fields';
import { templateFields } from '#rules/language/format';
import { isActive, type Rule } from '#rules/language/rule-set';

/** `proc.env`, the parameters of an exec that hold it, and what Mesos and Marathon tell their tasks by it. */
const environmentFields = /^(proc\.env|mesos\.|marathon\.|evt\.(raw)?arg\.env|evt\.(raw)?args?(\[|$)|evt\.info$)/;

/** What poll(2) waits for, and the parameters that show it. */
const polledFields = /^(fdlist\.|evt\.(raw)?arg\.fds$|evt\.(raw)?args?(\[|$)|evt\.info$)/;

/** What some rule looks at that is long, so that only then it is captured. */
export type Needs = {
  /** The environment that a program was started with. */
  readonly environment: boolean;
  /** The descriptors that poll(2) waits for. */
  readonly polled: boolean;
};

export const eitherNeeds = (one: Needs, other: Needs): Needs => ({
  environment: one.environment || other.environment,
  polled: one.polled || other.polled,
});

export function needsOf(rules: readonly Rule[]): Needs {
  return { environment: readsSome(rules, environmentFields), polled: readsSome(rules, polledFields) };
}

function readsSome(rules: readonly Rule[], fields: RegExp): boolean {
  return rules.filter(isActive).some((rule) => {
    const names = [...conditionFields(rule.condition).keys(), ...templateFields(rule.template).map(fieldText)];
    return names.some((name) => fields.test(name));
  });
}
