import { nodeActionParams } from '#playbooks/command';
import { defineNodeAction } from './node-action.ts';

export const networkIsolate = defineNodeAction({
  name: 'network.isolate',
  doc: 'Drops all traffic of a container but that with the networks in allow, what is connected already included; network.restore undoes it. Safe to repeat.',
  params: nodeActionParams['network.isolate'],
  would: ({ container }) => `cut off the network of container ${container}`,
  undo: 'network.restore',
});
