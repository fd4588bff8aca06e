import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import * as z from 'zod';
import { ackSchema, type Receipt, receiptSchema } from '#playbooks/command';

/** Receipts remembered: a router repeats a command at most until its deadline, minutes and not days. */
const MOST_RECEIPTS = 2_000;
/** Lines after which the file is written anew with only what is remembered. */
const MOST_LINES = 3 * MOST_RECEIPTS;

/**
 * What this node has answered, by command id, on disk: a command that comes again, even after the agent was restarted,
 * gets the first answer and nothing is done twice.
 */
export type ReceiptJournal = {
  find(command: string): Receipt | undefined;
  /** Returns when the receipt is on disk; throws when it cannot be written, and remembers it in memory all the same. */
  add(receipt: Receipt): void;
  /** Receipts that the router has not acknowledged, oldest first. */
  unacknowledged(): readonly Receipt[];
  acknowledge(command: string): void;
  /** May be called twice. */
  close(): void;
};

/** A line of the file: a receipt, or that the router has stored one. */
const lineSchema = z.discriminatedUnion('kind', [receiptSchema, ackSchema]);
type Line = z.output<typeof lineSchema>;

/**
 * Opens the journal at `path`, or makes it. A line that is cut off (power failed while writing) is left out. On a disk that
 * takes nothing it says so to `unusable`, remembers in memory, and tries again with every receipt.
 */
export function openJournal(path: string, unusable: (reason: string) => void): ReceiptJournal {
  const receipts = new Map<string, Receipt>();
  const waiting = new Set<string>();
  const remember = (receipt: Receipt) => {
    receipts.set(receipt.command, receipt);
    waiting.add(receipt.command);
    if (receipts.size <= MOST_RECEIPTS) return;
    const [oldest] = receipts.keys();
    if (oldest !== undefined) {
      receipts.delete(oldest);
      waiting.delete(oldest);
    }
  };
  for (const line of readLines(path)) {
    if (line.kind === 'receipt') remember(line);
    else waiting.delete(line.command);
  }

  let lines = 0;
  let file: number | undefined;
  let isClosed = false;
  /** The new file takes the old one's place at once or not at all. */
  const rewrite = () => {
    const next = `${path}.next`;
    const kept: Line[] = [...receipts.values()];
    for (const { command, version } of receipts.values()) {
      if (!waiting.has(command)) kept.push({ version, kind: 'ack', command });
    }
    writeFileSync(next, kept.map((line) => `${JSON.stringify(line)}\n`).join(''), { mode: 0o600, flush: true });
    renameSync(next, path);
    if (file !== undefined) closeSync(file);
    file = openSync(path, 'a', 0o600);
    lines = kept.length;
  };
  const append = (line: Line) => {
    if (isClosed) return;
    // What is remembered holds this line already.
    if (file === undefined || lines >= MOST_LINES) return rewrite();
    writeSync(file, `${JSON.stringify(line)}\n`);
    lines++;
  };
  try {
    rewrite();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    unusable(error.message);
  }

  return {
    find: (command) => receipts.get(command),
    add(receipt) {
      remember(receipt);
      append(receipt);
      if (file !== undefined) fsyncSync(file);
    },
    unacknowledged: () => [...waiting].flatMap((command) => receipts.get(command) ?? []),
    acknowledge(command) {
      const receipt = receipts.get(command);
      if (receipt === undefined || !waiting.delete(command)) return;
      try {
        append({ version: receipt.version, kind: 'ack', command });
      } catch {
        // A lost line only makes the receipt be sent once more after a restart; `add` tells of a full disk.
      }
    },
    close() {
      if (file !== undefined) closeSync(file);
      file = undefined;
      isClosed = true;
    },
  };
}

function readLines(path: string): readonly Line[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
  return text.split('\n').flatMap((line) => {
    try {
      const read = lineSchema.safeParse(JSON.parse(line));
      return read.success ? [read.data] : [];
    } catch {
      return []; // Cut off.
    }
  });
}
