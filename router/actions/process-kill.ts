import { nodeActionParams } from '#playbooks/command';
import { defineNodeAction } from './node-action.ts';

export const processKill = defineNodeAction({
  name: 'process.kill',
  doc: 'Kills (SIGKILL) the process that raised the alert, alone, with all its descendants, or with all of its session. Safe to repeat.',
  params: nodeActionParams['process.kill'],
  kernel: true,
  would: ({ scope }) => `kill the ${scope} of the alert`,
});
