import type { At, CheckNode, Node } from './ast.ts';
import { ownerAt } from './source.ts';

/** For every macro the first rule that uses it, be it through others. */
export function findUsers(
  rules: Iterable<{ readonly name: string; readonly condition: Node | undefined }>,
  macros: ReadonlyMap<string, Node>,
): ReadonlyMap<string, string> {
  const users = new Map<string, string>();
  for (const { name, condition } of rules) {
    const open = condition === undefined ? [] : [condition];
    follow(open, macros, (macro) => {
      if (users.has(macro)) return false;
      users.set(macro, name);
      return true;
    });
  }
  return users;
}

/** Every check that a condition holds, its own and its macros', also of those that are not sound. */
export function checksOf(condition: Node, macros: ReadonlyMap<string, Node>): readonly CheckNode[] {
  const seen = new Set<string>();
  return follow([condition], macros, (name) => {
    if (seen.has(name)) return false;
    seen.add(name);
    return true;
  });
}

/** Walks from node to node; `enter` says whether to go into a macro. Macros' own trees may be nested thousands deep. */
function follow(
  open: Node[],
  macros: ReadonlyMap<string, Node>,
  enter: (name: string) => boolean,
): readonly CheckNode[] {
  const checks: CheckNode[] = [];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    switch (node.kind) {
      case 'and':
      case 'or':
        for (const child of node.children.toReversed()) open.push(child);
        break;
      case 'not':
        open.push(node.child);
        break;
      case 'name': {
        const inner = macros.get(node.name);
        if (enter(node.name) && inner !== undefined) open.push(inner);
        break;
      }
      case 'check':
        checks.push(node);
    }
  }
  return checks;
}

/**
 * Says that what the message is about stands in a list or macro, and who uses that: the place alone shows only where it
 * is written. `user`: the rule, where the text is a macro's.
 */
export function sayWhere(message: string, at: At, user: string | undefined): string {
  const { owner } = at.source;
  const inner = ownerAt(at.source, at.span.start);
  const chain = inner === owner ? [] : [inner];
  if (owner !== undefined && (isMacro(owner) || chain.length > 0)) chain.push(owner);
  if (owner !== undefined && isMacro(owner) && user !== undefined) chain.push(`rule ${JSON.stringify(user)}`);
  return chain.length === 0 ? message : `${message} (in ${chain.join(', used by ')})`;
}

function isMacro(owner: string): boolean {
  return owner.startsWith('macro ');
}
