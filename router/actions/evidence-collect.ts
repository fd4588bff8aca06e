import { nodeActionParams } from '#playbooks/command';
import { defineNodeAction } from './node-action.ts';

export const evidenceCollect = defineNodeAction({
  name: 'evidence.collect',
  doc: 'Collects what the kernel and the engine tell of the processes, secrets left out, as tar.zst on the node; the detail says where. Changes nothing.',
  params: nodeActionParams['evidence.collect'],
  would: ({ container }) => `collect evidence of ${container}`,
});
