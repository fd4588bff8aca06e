import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { type Receipt, receiptSchema } from '#playbooks/command';

/** Receipts remembered: a router repeats a command at most until its deadline, minutes and not days. */
const MOST_RECEIPTS = 2_000;

/**
 * What this node has answered, by command id, on disk: a command that comes again, even after the agent was restarted,
 * gets the first answer and nothing is done twice.
 */
export type ReceiptJournal = {
  find(command: string): Receipt | undefined;
  /** Returns when the receipt is on disk. */
  add(receipt: Receipt): void;
  /** Receipts that the router has not acknowledged in this agent's lifetime. */
  unacknowledged(): readonly Receipt[];
  acknowledge(command: string): void;
  close(): void;
};

/** Opens the journal at `path`, or makes it. A line that is cut off (power failed while writing) is left out. */
export function openJournal(path: string): ReceiptJournal {
  const receipts = new Map<string, Receipt>();
  for (const receipt of readReceipts(path)) receipts.set(receipt.command, receipt);
  compact(path, receipts);
  const waiting = new Set(receipts.keys());
  let file: number | undefined = openSync(path, 'a', 0o600);
  return {
    find: (command) => receipts.get(command),
    add(receipt) {
      receipts.set(receipt.command, receipt);
      waiting.add(receipt.command);
      if (file !== undefined) {
        writeSync(file, `${JSON.stringify(receipt)}\n`);
        fsyncSync(file);
      }
      if (receipts.size > MOST_RECEIPTS) {
        const oldest = receipts.keys().next().value;
        if (oldest !== undefined) {
          receipts.delete(oldest);
          waiting.delete(oldest);
        }
      }
    },
    unacknowledged: () => [...waiting].flatMap((command) => receipts.get(command) ?? []),
    acknowledge: (command) => void waiting.delete(command),
    close() {
      if (file === undefined) return;
      closeSync(file);
      file = undefined;
    },
  };
}

function readReceipts(path: string): Receipt[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
  return text.split('\n').flatMap((line) => {
    try {
      const read = receiptSchema.safeParse(JSON.parse(line));
      return read.success ? [read.data] : [];
    } catch {
      return [];
    }
  });
}

/** Leaves only what is remembered; the new file takes the old one's place at once or not at all. */
function compact(path: string, receipts: Map<string, Receipt>): void {
  for (const command of [...receipts.keys()].slice(0, Math.max(0, receipts.size - MOST_RECEIPTS)))
    receipts.delete(command);
  if (receipts.size === 0) return;
  const next = `${path}.next`;
  writeFileSync(next, [...receipts.values()].map((receipt) => `${JSON.stringify(receipt)}\n`).join(''), {
    mode: 0o600,
  });
  renameSync(next, path);
}
