/**
 * Does work that must end within the time, or when `outer` aborts. As `AbortSignal.any` with `AbortSignal.timeout`, but nothing
 * of it is left when the work is done: those fire all the same, much later, and each makes an error that nobody sees.
 */
export async function within<T>(
  timeoutMs: number,
  outer: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const own = new AbortController();
  const abort = (): void => own.abort(outer.reason);
  if (outer.aborted) abort();
  else outer.addEventListener('abort', abort, { once: true });
  const late = setTimeout(() => own.abort(new DOMException('it took too long', 'TimeoutError')), timeoutMs);
  late.unref();
  try {
    return await work(own.signal);
  } finally {
    clearTimeout(late);
    outer.removeEventListener('abort', abort);
  }
}
