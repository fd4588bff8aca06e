import { createHash } from 'node:crypto';

/**
 * alert/playbook/step/target: whoever sees the same key twice acts once. The same for every attempt, for the same item of
 * another list, and for a node that carries a step out by itself before the router asks for it.
 */
export function idempotencyKey(alertId: string, playbook: string, step: string, target: string): string {
  return `${alertId}/${playbook}/${step.replace(/\[\d+\]/, '')}/${target}`;
}

/** What a node acts on, in few letters, by the parameters of its action. */
export function nodeTarget(params: object): string {
  if ('path' in params) return `${textOf(params, 'container')}:${textOf(params, 'path')}`;
  return 'container' in params ? textOf(params, 'container') : textOf(params, 'scope');
}

function textOf(params: object, name: string): string {
  return String(Object.entries(params).find(([key]) => key === name)?.[1]);
}

/** The target as it becomes a part of a header and of an id of messages: itself, or a hash of what there is. */
export function targetInKey(target: string | undefined, params: unknown): string {
  return target !== undefined && /^[\w.:@-]{1,128}$/.test(target) ? target : hashOf(target ?? params);
}

function hashOf(value: unknown): string {
  const text = JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `${part}` : part)) ?? '';
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
