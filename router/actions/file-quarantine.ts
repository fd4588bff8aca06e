import { nodeActionParams } from '#playbooks/command';
import { defineNodeAction } from './node-action.ts';

export const fileQuarantine = defineNodeAction({
  name: 'file.quarantine',
  doc: 'Moves a file into the quarantine folder of the node with mode 0, with a record of its hash, owner and mode. Safe to repeat.',
  params: nodeActionParams['file.quarantine'],
  would: ({ path }) => `move ${path} to quarantine`,
});
