import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { kinds } from '../../agent/events/kinds.ts';
import {
  callLayout,
  execLayout,
  fileLayout,
  forkLayout,
  headerLayout,
  polledLayout,
  recordFlags,
  socketLayout,
} from '../../agent/events/layout.ts';
import { reflexLayout, reflexOperators, reflexSubjects } from '../../agent/respond/reflex-tables.ts';
import { MOST_TEXT_BYTES } from '../../playbooks/language/kernel-condition.ts';
import { reflexVerdicts } from '../../rules/alert.ts';
import { makeFolder } from './recorder.ts';

const folder = makeFolder();
afterAll(() => folder.remove());

const structs = {
  event_header: headerLayout,
  exec_event: execLayout,
  fork_event: forkLayout,
  file_event: fileLayout,
  socket_event: socketLayout,
  call_event: callLayout,
  polled_event: polledLayout,
  reflex_test: reflexLayout.test,
  reflex_control: reflexLayout.control,
};

/** `loginUid` → `LOGIN_UID`. */
const constant = (name: string): string => name.replace(/[A-Z]/g, '_$&').replace('-', '_').toUpperCase();

const constants = {
  EVENT_EXEC: kinds.exec,
  EVENT_FORK: kinds.fork,
  EVENT_EXIT: kinds.exit,
  EVENT_FILE: kinds.file,
  EVENT_SOCKET: kinds.socket,
  EVENT_CALL: kinds.call,
  EVENT_DENIED: kinds.denied,
  EVENT_POLLED: kinds.polled,
  FLAG_COMPAT: recordFlags.compat,
  FLAG_ARGS_CUT: recordFlags.argsCut,
  FLAG_UPPER_LAYER: recordFlags.upperLayer,
  FLAG_MEMFD: recordFlags.memfd,
  FLAG_THREAD: recordFlags.thread,
  FLAG_TEXT_CUT: recordFlags.textCut,
  FLAG_REPACKED: recordFlags.repacked,
  FLAG_CREATED: recordFlags.created,
  FLAG_LOWER_LAYER: recordFlags.lowerLayer,
  FLAG_NEW_PEER: recordFlags.newPeer,
  FLAG_URING: recordFlags.uring,
  FLAG_NO_RESULT: recordFlags.noResult,
  FLAG_TEXT_UNREAD: recordFlags.textUnread,
  FLAG_ACCEPTED: recordFlags.accepted,
  REFLEX_TESTS: 2 * reflexLayout.mostTests,
  REFLEX_BANK: reflexLayout.mostTests,
  REFLEX_DENYING: reflexLayout.denying,
  REFLEX_ANY: reflexLayout.any,
  REFLEX_OFF: reflexLayout.off,
  REFLEX_SECOND: reflexLayout.second,
  REFLEX_MOST: reflexLayout.mostReflexes,
  REFLEX_TEXT: MOST_TEXT_BYTES,
  REFLEX_END: reflexLayout.end,
  REFLEX_FIRES: reflexLayout.fires,
  ...Object.fromEntries(reflexSubjects.map((name, number) => [`SUBJECT_${constant(name)}`, number])),
  ...Object.fromEntries(reflexOperators.map((name, number) => [`REFLEX_${constant(name)}`, number])),
  ...Object.fromEntries(reflexVerdicts.map((name, number) => [`REFLEX_${constant(name)}`, number + 1])),
};

test('the decoder reads where the C compiler puts the fields', () => {
  const expected = [
    ...Object.entries(structs).flatMap(([struct, layout]) =>
      Object.entries(layout).map(([field, offset]) => [`${struct}.${field}`, offset] as const),
    ),
    ...Object.entries(constants),
  ];
  expect(expected.length).toBeGreaterThan(80);
  expect(measure(expected.map(([name]) => name))).toEqual(Object.fromEntries(expected));
});

/** What the C side says, by name: `struct.field`, `struct.size` or a constant. */
function measure(names: readonly string[]): Record<string, number> {
  const header = fileURLToPath(new URL('../../native/bpf/event.h', import.meta.url));
  const lines = names.map((name) => {
    const [struct, field] = name.split('.');
    if (field === undefined) return `  printf("${name} %d\\n", ${name});`;
    const value = field === 'size' ? `sizeof(struct ${struct})` : `offsetof(struct ${struct}, ${field})`;
    return `  printf("${name} %zu\\n", ${value});`;
  });
  const source = join(folder.path, 'layout.c');
  writeFileSync(
    source,
    `#include <stddef.h>\n#include <stdio.h>\n#include "${header}"\nint main(void) {\n${lines.join('\n')}\n}\n`,
  );
  const program = join(folder.path, 'layout');
  const compiler = spawnSync('gcc', ['-Wall', '-Werror', source, '-o', program], { encoding: 'utf8' });
  if (compiler.status !== 0) throw new Error(compiler.stderr);
  const { stdout } = spawnSync(program, { encoding: 'utf8' });
  return Object.fromEntries(
    stdout
      .trim()
      .split('\n')
      .map((line) => line.split(' '))
      .map(([name = '', value]) => [name, Number(value)]),
  );
}
