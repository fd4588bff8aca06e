import { openEventStream } from './event-stream.ts';
import { followPeople } from './people.ts';
import { readJson } from './read-json.ts';
import { alertRow, type Run, runRow, type StoredAlert } from './rows.ts';

const MOST_ROWS = 200;
const TOKEN = 'lanner-token';

function find(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no #${id}`);
  return element;
}

type ListOptions<T> = {
  readonly list: string;
  readonly empty: string;
  readonly row: (item: T) => HTMLElement;
  readonly orderOf: (item: T) => number | string;
};

/** A list of rows by id, newest first. Rows are drawn once a frame at most, however fast they come. */
function makeList<T extends { readonly id: string }>({ list, empty, row, orderOf }: ListOptions<T>) {
  const rows = new Map<string, { readonly item: T; element: HTMLElement | undefined }>();
  let isPlanned = false;

  const draw = (): void => {
    isPlanned = false;
    const sorted = [...rows.values()].sort((a, b) => (orderOf(a.item) < orderOf(b.item) ? 1 : -1));
    for (const { item } of sorted.splice(MOST_ROWS)) rows.delete(item.id);
    find(list).replaceChildren(...sorted.map((entry) => (entry.element ??= row(entry.item))));
    find(empty).hidden = sorted.length > 0;
  };
  return {
    put(item: T): void {
      rows.set(item.id, { item, element: undefined });
      // A tab in the background draws nothing, and must not gather without end either.
      if (rows.size > 4 * MOST_ROWS) draw();
      if (isPlanned) return;
      isPlanned = true;
      requestAnimationFrame(draw);
    },
    has: (id: string): boolean => rows.has(id),
  };
}

const alerts = makeList<StoredAlert>({
  list: 'alerts',
  empty: 'no-alerts',
  row: alertRow,
  orderOf: ({ alert }) => alert.time,
});
const runs = makeList<Run>({
  list: 'runs',
  empty: 'no-runs',
  row: runRow,
  orderOf: ({ startedMs }) => startedMs,
});

/** The latest of both lists. What the live stream has told already is newer, so it stays. */
async function loadLatest(token: string): Promise<void> {
  const load = async (path: string) => {
    const response = await fetch(path, { headers: { authorization: `Bearer ${token}` }, cache: 'no-store' });
    return response.ok ? readJson(await response.text()) : undefined;
  };
  const [alertPage, runPage] = await Promise.all([load('/api/alerts?limit=100'), load('/api/runs?limit=100')]);
  for (const stored of alertPage?.alerts ?? []) if (!alerts.has(stored.id)) alerts.put(stored);
  for (const run of runPage?.runs ?? []) if (!runs.has(run.id)) runs.put(run);
}

function askForToken(problem: string): void {
  sessionStorage.removeItem(TOKEN);
  find('lists').hidden = true;
  find('login').hidden = false;
  find('login-problem').textContent = problem;
  find('connection').textContent = 'not logged in';
  find('token').focus();
}

function show(token: string): void {
  find('login').hidden = true;
  find('lists').hidden = false;
  let look: (() => void) | undefined;
  openEventStream({
    url: '/api/events',
    token,
    tell: ({ kind, data }) => {
      if (kind === 'alert') alerts.put(readJson(data));
      if (kind !== 'run') return;
      const run: Run = readJson(data);
      runs.put(run);
      if (run.steps.some(({ approval }) => approval !== undefined && approval.answer === undefined)) look?.();
    },
    onState: (state) => {
      if (state === 'refused') return askForToken('The router does not know this token.');
      if (state === 'connected') look ??= followPeople(token);
      find('connection').textContent = state === 'connected' ? 'live' : 'the router does not answer; trying again …';
      sessionStorage.setItem(TOKEN, token);
      // After the stream is open, so that nothing falls between the two; after a break for what was missed.
      if (state === 'connected') loadLatest(token).catch(() => undefined); // the stream notices the same break
    },
  });
}

/** `lanner up` prints an address with the token behind `#`: that part never leaves the browser. */
function takeTokenFromAddress(): string | null {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (token !== null) history.replaceState(null, '', location.pathname);
  return token;
}

find('login').addEventListener('submit', (event) => {
  event.preventDefault();
  const input = find('token');
  if (!(input instanceof HTMLInputElement)) return;
  show(input.value.trim());
  input.value = '';
});
const known = takeTokenFromAddress() ?? sessionStorage.getItem(TOKEN);
if (known === null) askForToken('');
else show(known);
