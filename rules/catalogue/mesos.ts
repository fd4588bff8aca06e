import type { FieldTable } from '../language/catalogue.ts';

/** Fields of Mesos and Marathon, which Falco had up to libs 0.21. */
export const mesosFields = {
  'mesos.task.name': { type: 'CHARBUF', doc: 'name of the Mesos task' },
  'mesos.task.id': { type: 'CHARBUF', doc: 'id of the Mesos task' },
  'mesos.task.label': { type: 'CHARBUF', doc: 'one label of the Mesos task by key', argument: 'required:key' },
  'mesos.task.labels': { type: 'CHARBUF', doc: 'all labels of the Mesos task as key:value list' },
  'mesos.framework.name': { type: 'CHARBUF', doc: 'name of the Mesos framework that runs the task' },
  'mesos.framework.id': { type: 'CHARBUF', doc: 'id of the Mesos framework that runs the task' },
  'marathon.app.name': { type: 'CHARBUF', doc: 'last part of the Marathon application id' },
  'marathon.app.id': { type: 'CHARBUF', doc: 'id of the Marathon application, with its groups' },
  'marathon.app.label': {
    type: 'CHARBUF',
    doc: 'one label of the Marathon application by key',
    argument: 'required:key',
  },
  'marathon.app.labels': { type: 'CHARBUF', doc: 'all labels of the Marathon application as key:value list' },
  'marathon.group.name': { type: 'CHARBUF', doc: 'last part of the id of the Marathon group' },
  'marathon.group.id': { type: 'CHARBUF', doc: 'id of the Marathon group that the application is in' },
} as const satisfies FieldTable;
