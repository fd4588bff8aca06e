import { fieldText } from '#rules/language/catalogue';
import { conditionFields } from '#rules/language/condition-fields';
import { templateFields } from '#rules/language/format';
import { isActive, type Rule } from '#rules/language/rule-set';

/** `proc.env`, the parameters of an exec that hold it, and what Mesos and Marathon tell their tasks by it. */
const environmentFields = /^(proc\.env|mesos\.|marathon\.|evt\.(raw)?arg\.env|evt\.(raw)?args?(\[|$)|evt\.info$)/;

/** Whether some rule looks at the environment that a program was started with: it is long, so only then it is captured. */
export function needEnvironment(rules: readonly Rule[]): boolean {
  return rules.filter(isActive).some((rule) => {
    const names = [...conditionFields(rule.condition).keys(), ...templateFields(rule.template).map(fieldText)];
    return names.some((name) => environmentFields.test(name));
  });
}
