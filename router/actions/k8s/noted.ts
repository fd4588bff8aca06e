import * as z from 'zod';

type Texts = Readonly<Record<string, string>>;
/** `null` takes a key away. */
export type Change = Readonly<Record<string, string | null>>;

/** What each key was before, and what it was set to: in an annotation of the object itself, so that an undo needs nothing else. */
const notes = z.record(z.string(), z.strictObject({ was: z.string().nullable(), set: z.string().nullable() }));
type Notes = z.output<typeof notes>;

export type Noted = {
  /** Of the keys: only those that are not so already. */
  readonly change: Change;
  /** What the annotation becomes; `null`: it goes. */
  readonly note: string | null;
};

/** Sets keys and notes what they were. What was noted before stays: a repeat does not take our own value for the former one. */
export function noteChange(current: Texts, wanted: Change, note: string | undefined): Noted {
  const noted: Notes = { ...readNotes(note) };
  const change: Record<string, string | null> = {};
  for (const [key, set] of Object.entries(wanted)) {
    const is = current[key] ?? null;
    if (is === set) continue;
    change[key] = set;
    noted[key] = { was: noted[key]?.was ?? is, set };
  }
  return { change, note: writeNotes(noted) };
}

/** Puts keys back as they were (all that are noted, if none are named). What somebody has set to something else meanwhile is theirs. */
export function undoChange(current: Texts, keys: readonly string[] | 'all', note: string | undefined): Noted {
  const noted: Notes = { ...readNotes(note) };
  const change: Record<string, string | null> = {};
  for (const key of keys === 'all' ? Object.keys(noted) : keys) {
    const entry = noted[key];
    if (entry === undefined) continue;
    delete noted[key];
    if ((current[key] ?? null) === entry.set) change[key] = entry.was;
  }
  return { change, note: writeNotes(noted) };
}

/** Whoever may write annotations may have written anything there: then nothing was noted. */
function readNotes(note: string | undefined): Notes {
  try {
    return notes.parse(JSON.parse(note ?? '{}'));
  } catch {
    return {};
  }
}

function writeNotes(noted: Notes): string | null {
  return Object.keys(noted).length === 0 ? null : JSON.stringify(noted);
}
