/** How much is taken together at most, and how long the first of a batch waits for more. */
export type BatchLimits = { readonly most: number; readonly mostBytes: number; readonly waitMs: number };

type Waiting<T, R> = {
  readonly item: T;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
};
type Open<T, R> = { readonly waiting: Waiting<T, R>[]; bytes: number; timer: NodeJS.Timeout | undefined };

export type Batches<T, R> = {
  /** Resolves with what became of this item. `key`: what may be taken together. */
  add(key: string, item: T, bytes: number, limits: BatchLimits): Promise<R>;
};

/**
 * Takes together what comes at the same time. Each item still has an outcome of its own, so that the queue it comes from
 * repeats what is to be repeated, and nothing lives here only.
 */
export function makeBatches<T, R>(send: (items: readonly T[]) => Promise<readonly R[]>): Batches<T, R> {
  const open = new Map<string, Open<T, R>>();
  const flush = (key: string): void => {
    const batch = open.get(key);
    if (batch === undefined) return;
    open.delete(key);
    clearTimeout(batch.timer);
    send(batch.waiting.map(({ item }) => item)).then(
      (results) => {
        for (const [index, { resolve, reject }] of batch.waiting.entries()) {
          const result = results[index];
          if (result === undefined) reject(new Error('a batch was answered in part'));
          else resolve(result);
        }
      },
      (error: unknown) => {
        for (const { reject } of batch.waiting) reject(error);
      },
    );
  };
  return {
    add(key, item, bytes, { most, mostBytes, waitMs }) {
      const before = open.get(key);
      if (before !== undefined && before.bytes + bytes > mostBytes) flush(key);
      const batch = open.get(key) ?? { waiting: [], bytes: 0, timer: undefined };
      open.set(key, batch);
      batch.bytes += bytes;
      batch.timer ??= setTimeout(() => flush(key), waitMs);
      return new Promise((resolve, reject) => {
        batch.waiting.push({ item, resolve, reject });
        if (batch.waiting.length >= most) flush(key);
      });
    },
  };
}
