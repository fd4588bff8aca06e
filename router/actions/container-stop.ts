import { nodeActionParams } from '#playbooks/command';
import { defineNodeAction } from './node-action.ts';

export const containerStop = defineNodeAction({
  name: 'container.stop',
  doc: 'Lets a container end by itself within grace_s seconds, then kills it; its engine does not start it again. Safe to repeat.',
  params: nodeActionParams['container.stop'],
  would: ({ container }) => `stop container ${container}`,
});
