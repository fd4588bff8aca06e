import type { Bind } from '#rules/language/field';
import { containerFields } from './container.ts';
import { evtFields } from './evt.ts';
import { fdFields, fsPathFields } from './fd.ts';
import { kubernetesFields } from './kubernetes.ts';
import { liveFields } from './live.ts';
import { mesosFields } from './mesos.ts';
import { polledFields } from './polled.ts';
import { probeFields } from './probes.ts';
import { procFields } from './proc.ts';
import type { ReaderTable, Scene } from './scene.ts';
import { userFields } from './user.ts';

/** Every field that this agent can read. */
const readers: ReaderTable = {
  ...evtFields,
  ...procFields,
  ...userFields,
  ...fdFields,
  ...fsPathFields,
  ...polledFields,
  ...containerFields,
  ...kubernetesFields,
  ...mesosFields,
  ...liveFields,
  ...probeFields,
};

export const readableFields: ReadonlySet<string> = new Set(Object.keys(readers));

/** How a field is read from a scene; `undefined`: not by this agent, so its value is always missing. */
export const bindField: Bind<Scene> = ({ spec, argument }) => {
  const entry = Object.hasOwn(readers, spec.name) ? readers[spec.name] : undefined;
  if (entry === undefined) return undefined;
  return 'read' in entry ? entry.read : entry.bind(argument);
};
