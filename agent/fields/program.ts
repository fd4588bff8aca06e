import { environmentOf } from '../events/decode.ts';
import type { Event } from '../events/event.ts';
import type { Process } from '../state/process.ts';
import type { Surroundings } from './scene.ts';

const WORLD_WRITABLE = 0o002;
const GROUP_WRITABLE = 0o020;
const OWNER_WRITABLE = 0o200;

/** Whether the process's user may write its own program's file, by owner and mode; root always may. */
export function isProgramWritable({ context: { uid }, program: { fileMode, fileUid } }: Process): boolean | undefined {
  if (fileMode === undefined || fileUid === undefined) return undefined;
  if (uid === 0 || (fileMode & WORLD_WRITABLE) !== 0) return true;
  if (fileUid === uid) return (fileMode & OWNER_WRITABLE) !== 0;
  // Whether the process is in the file's group is not in the record.
  return (fileMode & GROUP_WRITABLE) !== 0 ? undefined : false;
}

/** EXE_WRITABLE, EXE_UPPER_LAYER, EXE_FROM_MEMFD and EXE_LOWER_LAYER; `undefined` when the start was not seen. */
export function execFlagsOf(process: Process): number | undefined {
  const { upperLayer, lowerLayer, memfd } = process.program;
  if (upperLayer === undefined || memfd === undefined) return undefined;
  return (isProgramWritable(process) === true ? 1 : 0) | (upperLayer ? 2 : 0) | (memfd ? 4 : 0) | (lowerLayer ? 8 : 0);
}

/** An exec has it as it was then, however soon the process ends. */
export function environmentAt(event: Event, process: Process, around: Surroundings): string | undefined {
  return (event.kind === 'exec' ? environmentOf(event) : undefined) ?? around.environment(process);
}
