/** A server-sent event. They are read with fetch, because EventSource cannot send the token. */
export type ServerEvent = { readonly kind: string; readonly id: string; readonly data: string };
/** `refused`: the router does not know the token. */
export type StreamState = 'connected' | 'waiting' | 'refused';

export type StreamOptions = {
  readonly url: string;
  readonly token: string;
  readonly tell: (event: ServerEvent) => void;
  readonly onState: (state: StreamState) => void;
};

const FIRST_WAIT_MS = 500;
const MOST_WAIT_MS = 10_000;
/** The router writes at least every 15 s. */
const SILENCE_MS = 40_000;
const MOST_EVENT_LETTERS = 4 * 1024 * 1024;

/** Takes the stream's text in pieces of any size and tells each event once it is whole (WHATWG HTML, 9.2.6). */
export function makeEventParser(tell: (event: ServerEvent) => void): (text: string) => void {
  let rest = '';
  let kind = '';
  let id = '';
  let data: string[] = [];

  const readLine = (line: string): void => {
    if (line === '') {
      if (data.length > 0) tell({ kind: kind === '' ? 'message' : kind, id, data: data.join('\n') });
      kind = '';
      data = [];
      return;
    }
    const colon = line.indexOf(':');
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'event') kind = value;
    else if (name === 'data') data.push(value);
    else if (name === 'id' && !value.includes('\0')) id = value;
  };

  return (text) => {
    rest += text;
    if (rest.length > MOST_EVENT_LETTERS) throw new Error('an event is too large');
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    for (const line of lines) readLine(line);
  };
}

/** Follows the stream until it is closed or the token is refused, and goes on after each break where it stood. */
export function openEventStream({ url, token, tell, onState }: StreamOptions): { close(): void } {
  const closing = new AbortController();
  let last = '';
  let failures = 0;

  const follow = async (): Promise<'waiting' | 'refused'> => {
    const abort = new AbortController();
    const signal = AbortSignal.any([closing.signal, abort.signal]);
    let silence = setTimeout(() => abort.abort(), SILENCE_MS);
    try {
      const headers: Record<string, string> = { authorization: `Bearer ${token}` };
      if (last !== '') headers['last-event-id'] = last;
      const response = await fetch(url, { headers, signal, cache: 'no-store' });
      if (response.status === 401) return 'refused';
      if (!response.ok || response.body === null) return 'waiting';
      failures = 0;
      onState('connected');
      const parse = makeEventParser((event) => {
        if (event.id !== '') last = event.id;
        tell(event);
      });
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return 'waiting';
        clearTimeout(silence);
        silence = setTimeout(() => abort.abort(), SILENCE_MS);
        parse(value);
      }
    } catch {
      return 'waiting'; // The network, the router or the silence: trying again is the answer to all of them.
    } finally {
      clearTimeout(silence);
      abort.abort();
    }
  };

  const keepFollowing = async () => {
    while (!closing.signal.aborted) {
      const how = await follow();
      if (closing.signal.aborted) return;
      onState(how);
      if (how === 'refused') return;
      const waitMs = Math.min(MOST_WAIT_MS, FIRST_WAIT_MS * 2 ** failures++) * (0.5 + Math.random() / 2);
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  };
  void keepFollowing();
  return { close: () => closing.abort() };
}
