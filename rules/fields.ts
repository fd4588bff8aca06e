import { containerFields } from './catalogue/container.ts';
import { evtFields } from './catalogue/event.ts';
import { fileFields } from './catalogue/file.ts';
import { mesosFields } from './catalogue/mesos.ts';
import { ownFields } from './catalogue/own.ts';
import { processFields } from './catalogue/process.ts';
import { removedFields } from './catalogue/removed.ts';
import { makeCatalogue, readFieldTable } from './language/catalogue.ts';
import { eventTypes } from './language/event-names.ts';
import type { FieldCatalogue, FieldSpec, FieldType } from './language/field.ts';

/** Every field that a rule may name, by class. How each is read from an event is the agent's. */
export const fieldSpecs: readonly FieldSpec[] = [
  evtFields,
  processFields,
  fileFields,
  containerFields,
  mesosFields,
  ownFields,
].flatMap(readFieldTable);

/** Those that Falco never had. */
export const ownFieldNames: ReadonlySet<string> = new Set(Object.keys(ownFields));

/** The type that `evt.rawarg.NAME` has; other arguments are text. */
const rawArgumentTypes: ReadonlyMap<string, FieldType> = new Map([
  ['res', 'INT64'],
  ['fd', 'FD'],
  ['fd1', 'FD'],
  ['fd2', 'FD'],
  ['fd_in', 'FD'],
  ['fd_out', 'FD'],
  ['dirfd', 'FD'],
  ['olddirfd', 'FD'],
  ['newdirfd', 'FD'],
  ['linkdirfd', 'FD'],
  ['targetfd', 'FD'],
  ['oldfd', 'FD'],
  ['newfd', 'FD'],
  ['flags', 'FLAGS32'],
  ['mode', 'UINT32'],
  ['dev', 'UINT32'],
  ['ino', 'UINT64'],
  ['size', 'UINT32'],
  ['len', 'UINT64'],
  ['length', 'UINT64'],
  ['offset', 'UINT64'],
  ['pos', 'UINT64'],
  ['pid', 'PID'],
  ['tid', 'PID'],
  ['ptid', 'PID'],
  ['vtid', 'PID'],
  ['vpid', 'PID'],
  ['uid', 'UINT32'],
  ['gid', 'UINT32'],
  ['loginuid', 'INT32'],
  ['request', 'FLAGS16'],
  ['cmd', 'FLAGS32'],
  ['domain', 'ENUMFLAGS32'],
  ['type', 'UINT32'],
  ['proto', 'UINT32'],
  ['addr', 'UINT64'],
  ['prot', 'FLAGS32'],
  ['sig', 'SIGTYPE'],
  ['status', 'ERRNO'],
  ['tty', 'INT32'],
  ['trusted_exepath', 'FSPATH'],
  ['cap_permitted', 'UINT64'],
  ['cap_effective', 'UINT64'],
  ['cap_inheritable', 'UINT64'],
]);

export const removedFieldNames: ReadonlyMap<string, string> = new Map(
  Object.entries(removedFields).flatMap(([release, names]) =>
    names
      .trim()
      .split(/\s+/)
      .map((name): [string, string] => [name, release]),
  ),
);

/** The catalogue that rule files and playbooks are checked against. */
export const fieldCatalogue: FieldCatalogue = makeCatalogue(fieldSpecs, {
  eventTypes,
  removed: removedFieldNames,
  dynamicTypes: rawArgumentTypes,
});
