import type { At, Node, ResolvedNode } from './ast.ts';

/** Puts macros' trees in place of their names. `expand` gives `undefined` for a name it does not know, having reported it. */
export function resolveNames(
  node: Node,
  expand: (name: string, at: At) => ResolvedNode | undefined,
): ResolvedNode | undefined {
  switch (node.kind) {
    case 'and':
    case 'or': {
      const children = node.children.map((child) => resolveNames(child, expand));
      const known = children.filter((child) => child !== undefined);
      return known.length === children.length ? { kind: node.kind, children: known } : undefined;
    }
    case 'not': {
      const child = resolveNames(node.child, expand);
      return child && { kind: 'not', child };
    }
    case 'name':
      return expand(node.name, node.at);
    case 'check':
      return node;
  }
}
