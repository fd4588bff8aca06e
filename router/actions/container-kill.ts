import { nodeActionParams } from '#playbooks/command';
import { defineNodeAction } from './node-action.ts';

export const containerKill = defineNodeAction({
  name: 'container.kill',
  doc: 'Kills every process of a container at once, on the node that raised the alert, and then tells its engine. Safe to repeat.',
  params: nodeActionParams['container.kill'],
  would: ({ container }) => `kill container ${container}`,
});
