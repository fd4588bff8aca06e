import { nodeActionParams } from '#playbooks/command';
import { defineNodeAction } from './node-action.ts';

export const processStop = defineNodeAction({
  name: 'process.stop',
  doc: 'Stops (SIGSTOP) the process that raised the alert, its tree or its session; process.resume undoes it. Safe to repeat.',
  params: nodeActionParams['process.stop'],
  would: ({ scope }) => `stop the ${scope} of the alert`,
  undo: 'process.resume',
});
