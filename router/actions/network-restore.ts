import { nodeActionParams } from '#playbooks/command';
import { defineNodeAction } from './node-action.ts';

export const networkRestore = defineNodeAction({
  name: 'network.restore',
  doc: 'Gives an isolated container its network back, exactly as it was. Works while responding is stopped. Safe to repeat.',
  params: nodeActionParams['network.restore'],
  would: ({ container }) => `restore the network of container ${container}`,
});
