import { nodeActionParams } from '#playbooks/command';
import { defineNodeAction } from './node-action.ts';

export const containerUnpause = defineNodeAction({
  name: 'container.unpause',
  doc: 'Lets a paused container go on. Works while responding is stopped. Safe to repeat.',
  params: nodeActionParams['container.unpause'],
  would: ({ container }) => `unpause container ${container}`,
});
