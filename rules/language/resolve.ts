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

/** How many levels a tree has, macros counting as one. */
export function depthOf(node: Node): number {
  switch (node.kind) {
    case 'and':
    case 'or':
      return 1 + node.children.reduce((most, child) => Math.max(most, depthOf(child)), 0);
    case 'not':
      return 1 + depthOf(node.child);
    case 'name':
    case 'check':
      return 1;
  }
}

/** What a tree with its macros put in amounts to; parts that several places share count for each. */
export type Size = { readonly checks: number; readonly depth: number };

export function sizeOf(node: ResolvedNode, sizes: Map<ResolvedNode, Size>): Size {
  const known = sizes.get(node);
  if (known !== undefined) return known;
  const children = node.kind === 'check' ? [] : node.kind === 'not' ? [node.child] : node.children;
  let checks = node.kind === 'check' ? 1 : 0;
  let depth = 0;
  for (const child of children) {
    const size = sizeOf(child, sizes);
    checks += size.checks;
    depth = Math.max(depth, size.depth);
  }
  const size = { checks, depth: depth + 1 };
  sizes.set(node, size);
  return size;
}
