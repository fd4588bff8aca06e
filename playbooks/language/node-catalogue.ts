import * as z from 'zod';
import { nodeActionParams } from '../command.ts';
import type { ActionCatalogue, ActionSpec } from './playbook.ts';

const ofNode: ReadonlyMap<string, z.ZodType<object>> = new Map(Object.entries(nodeActionParams));

/**
 * What a node knows of actions: its own. The router has checked the others, what undoes an action, and what it gives
 * back; here they only must not stand in the way.
 */
export const nodeCatalogue: ActionCatalogue = {
  get: (name): ActionSpec => {
    const params = ofNode.get(name);
    return {
      name,
      side: params === undefined ? 'router' : 'node',
      doc: '',
      params: params ?? z.looseObject({}),
      idempotent: true,
      outputs: 'any',
      undo: name,
      ...(name === 'process.kill' && { kernel: true }),
    };
  },
  has: () => true,
  keys: () => ofNode.keys(),
};
