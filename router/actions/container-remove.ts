import { nodeActionParams } from '#playbooks/command';
import { defineNodeAction } from './node-action.ts';

export const containerRemove = defineNodeAction({
  name: 'container.remove',
  doc: 'Kills a container and has its engine remove it, with what it has written. Safe to repeat.',
  params: nodeActionParams['container.remove'],
  would: ({ container }) => `remove container ${container}`,
});
