/**
 * Lets writes to a terminal wait in memory. Node makes them wait for the terminal, so that pausing it (Ctrl-S) would
 * stop the whole agent, and with it watching and killing; pipes do not block. Node has no public call for this: where
 * the handle is not as expected, the stream stays as it was.
 */
export function unblock(stream: NodeJS.WriteStream): void {
  const handle: unknown = Reflect.get(stream, '_handle');
  if (typeof handle !== 'object' || handle === null) return;
  const setBlocking: unknown = Reflect.get(handle, 'setBlocking');
  if (typeof setBlocking === 'function') setBlocking.call(handle, false);
}
