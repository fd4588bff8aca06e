import type * as z from 'zod';
import type { NodeCommand } from '#playbooks/command';
import type { ActionResult, NodeAction } from './action.ts';

/** An action that is given its parameters checked; a command whose are wrong is refused. */
export function withParams<P>(
  schema: z.ZodType<P>,
  act: (params: P, command: NodeCommand, signal: AbortSignal) => Promise<ActionResult> | ActionResult,
): NodeAction {
  return async (command, signal) => {
    const read = schema.safeParse(command.params);
    if (read.success) return act(read.data, command, signal);
    const [issue] = read.error.issues;
    const at = issue?.path.join('.') ?? '';
    return {
      outcome: 'refused',
      detail: `wrong parameters: ${at === '' ? '' : `${at}: `}${issue?.message ?? 'unknown'}`,
    };
  };
}
