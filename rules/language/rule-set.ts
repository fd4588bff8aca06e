import type { Priority } from '../alert.ts';
import type { At, Node, ResolvedNode } from './ast.ts';
import type { CheckedNode } from './checked.ts';
import type { EventSet } from './event-set.ts';
import type { Exception } from './exceptions.ts';
import type { PluginRequirement } from './rules-file.ts';
import type { Source } from './source.ts';
import type { Template } from './template.ts';

/** `value`: one field as it is; `text`: a message of its own. */
export type ExtraField = { readonly kind: 'value' | 'text'; readonly name: string; readonly template: Template };

/** A rule as loaded and checked. */
export type Rule = {
  readonly name: string;
  readonly desc: string;
  readonly priority: Priority;
  readonly source: string;
  readonly tags: readonly string[];
  /** As the files and a selection say. */
  readonly enabled: boolean;
  /** Less severe than the configured minimum: such a rule never fires. */
  readonly isTooMild: boolean;
  /** As written, without list and exception text. */
  readonly writtenCondition: Source;
  /** Lists and exceptions put in, macros by name. */
  readonly parsed: Node;
  /** Macros put in. */
  readonly resolved: ResolvedNode;
  readonly condition: CheckedNode;
  readonly eventSet: EventSet;
  readonly writtenOutput: string;
  /** With what the configuration appends. */
  readonly output: string;
  readonly template: Template;
  /** What the configuration adds to `output_fields`. */
  readonly extraFields: readonly ExtraField[];
  readonly capture: boolean;
  readonly captureDurationMs: number;
  readonly exceptions: readonly Exception[];
  readonly at: At;
};

export type LoadedMacro = {
  readonly name: string;
  readonly written: Source;
  readonly parsed: Node;
  readonly resolved: ResolvedNode;
  readonly isUsed: boolean;
};
export type LoadedList = {
  readonly name: string;
  /** Names of other lists among them. */
  readonly written: readonly string[];
  readonly items: readonly string[];
  readonly isUsed: boolean;
};

/** All files together; rules in the order of their first definition. */
export type RuleSet = {
  readonly rules: readonly Rule[];
  readonly macros: readonly LoadedMacro[];
  readonly lists: readonly LoadedList[];
  /** The newest that a file wants; 0.0.0 when none wants any. */
  readonly engineVersion: readonly number[];
  readonly plugins: readonly PluginRequirement[];
};

export function isActive(rule: Rule): boolean {
  return rule.enabled && !rule.isTooMild;
}
