import type { Node, ResolvedNode } from './ast.ts';
import type { CheckedNode } from './checked.ts';
import type { RuleDefinition } from './collect.ts';
import type { EventSet } from './event-set.ts';
import type { CompiledList, Substituted } from './lists.ts';
import type { Size } from './resolve.ts';
import type { Source } from './source.ts';
import type { TemplateResult } from './template.ts';
import type { Warning } from './warnings.ts';

/**
 * What survives from one file's pass to the next: what did not change is not worked out again. Equal trees are one
 * object, so that trees made of them stay equal, too.
 */
export type Memory = {
  readonly lists: Map<string, CompiledList>;
  readonly conditions: Map<Source, { readonly substituted: Substituted; readonly node: Node }>;
  readonly parsed: Map<string, Node>;
  readonly resolved: Map<Node, Resolved>;
  readonly sizes: Map<ResolvedNode, Size>;
  readonly checked: Map<ResolvedNode, CheckedNode>;
  readonly warnings: Map<ResolvedNode, readonly Warning[]>;
  readonly drafts: Map<RuleDefinition, Draft>;
  readonly events: Map<CheckedNode, Events>;
};

/** A tree with its macros put in, and what they were. */
type Resolved = { readonly tree: ResolvedNode; readonly macros: ReadonlyMap<string, ResolvedNode> };

/** What a rule's definition alone says, and what was said about it. */
export type Draft = {
  /** With its exceptions; `undefined`: they do not fit. */
  readonly condition: Source | undefined;
  readonly output: Source;
  readonly template: TemplateResult;
  readonly said: readonly Warning[];
};

/** `codes`: how many event codes of the original the condition can be true of. */
export type Events = { readonly set: EventSet; readonly codes: number };

/** `make` is called for what is not known. */
export function remember<K, V>(known: Map<K, V>, key: K, make: () => V): V {
  const value = known.get(key) ?? make();
  known.set(key, value);
  return value;
}

export function makeMemory(): Memory {
  return {
    lists: new Map(),
    conditions: new Map(),
    parsed: new Map(),
    resolved: new Map(),
    sizes: new Map(),
    checked: new Map(),
    warnings: new Map(),
    drafts: new Map(),
    events: new Map(),
  };
}
