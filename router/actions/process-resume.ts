import { nodeActionParams } from '#playbooks/command';
import { defineNodeAction } from './node-action.ts';

export const processResume = defineNodeAction({
  name: 'process.resume',
  doc: 'Lets stopped processes go on (SIGCONT). Works while responding is stopped. Safe to repeat.',
  params: nodeActionParams['process.resume'],
  would: ({ scope }) => `resume the ${scope} of the alert`,
});
