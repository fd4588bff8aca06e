import { nodeActionParams } from '#playbooks/command';
import { defineNodeAction } from './node-action.ts';

export const containerPause = defineNodeAction({
  name: 'container.pause',
  doc: 'Freezes all of a container; its memory stays as it is. container.unpause undoes it. Safe to repeat.',
  params: nodeActionParams['container.pause'],
  would: ({ container }) => `pause container ${container}`,
  undo: 'container.unpause',
});
