import { readJson } from './read-json.ts';
import { make } from './rows.ts';

/** A step that waits for a person to agree. */
type Approval = {
  readonly id: string;
  readonly playbook: string;
  readonly step: string;
  readonly uses: string;
  readonly params: unknown;
  readonly by: readonly string[];
  readonly otherwise: string;
  readonly until: string;
  readonly alert: { readonly rule: string; readonly output: string };
};

/** A page that nobody has resolved. */
type Page = {
  readonly id: string;
  readonly key: string;
  readonly state: string;
  readonly by?: string;
  readonly told: readonly string[];
  readonly next: string | null;
  readonly next_at: string | null;
  readonly alert: { readonly rule: string; readonly priority: string; readonly output: string };
};

/** A silence that somebody made. */
type Silence = {
  readonly id: string;
  readonly condition: string;
  readonly by: string;
  readonly reason: string;
  readonly until: string;
  readonly state: string;
  readonly hidden: number;
};

type Act = (path: string, body?: object) => Promise<void>;

const LOOK_MS = 3_000;

function find(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no #${id}`);
  return element;
}

function button(text: string, act: () => void): HTMLElement {
  const element = make('button', '', text);
  element.setAttribute('type', 'button');
  element.addEventListener('click', act);
  return element;
}

function approvalRow(approval: Approval, act: Act): HTMLElement {
  const { id, playbook, step, uses, params, by, otherwise, until, alert } = approval;
  return make(
    'li',
    '',
    make('p', '', make('span', 'name', `${playbook}/${step}`), ` ${uses} with ${JSON.stringify(params)}`),
    make('p', 'output', `${alert.rule}: ${alert.output}`),
    make('p', 'about', make('span', 'when', until), ` ${by.join(', ')}, otherwise ${otherwise}`),
    make(
      'p',
      '',
      button('Approve', () => void act(`/api/approvals/${id}/approve`)),
      ' ',
      button('Deny', () => void act(`/api/approvals/${id}/deny`)),
    ),
  );
}

function pageRow({ id, key, state, by, told, next, next_at, alert }: Page, act: Act): HTMLElement {
  const who = by === undefined ? '' : ` by ${by}`;
  const then = next === null ? '' : `, ${next} at ${next_at}`;
  const acknowledge = button('Acknowledge', () => void act(`/api/pages/${id}/acknowledge`));
  return make(
    'li',
    '',
    make('p', '', make('span', 'name severe', alert.rule), ` ${alert.priority}: ${state}${who}`),
    make('p', 'output', alert.output),
    make('p', 'about', `${key}; told ${told.join(', ')}${then}`),
    make(
      'p',
      '',
      ...(state === 'acknowledged' ? [] : [acknowledge, ' ']),
      button('Resolve', () => void act(`/api/pages/${id}/resolve`)),
    ),
  );
}

function silenceRow({ id, condition, by, reason, until, state, hidden }: Silence, act: Act): HTMLElement {
  return make(
    'li',
    '',
    make('p', 'output', condition),
    make('p', 'about', `${state} until ${until}, ${hidden} hidden; ${by}: ${reason}`),
    make(
      'p',
      '',
      button('End', () => void act(`/api/silences/${id}/end`)),
    ),
  );
}

/** Shows what waits for people, as long as the page is open. Gives back what looks at once. */
export function followPeople(token: string): () => void {
  let isLooking = false;
  const ask = async (path: string, method = 'GET', body?: object) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await fetch(path, { method, headers, ...sent, cache: 'no-store' });
    return { isTaken: response.ok, body: readJson(await response.text()) };
  };
  const act: Act = async (path, wish) => {
    const { isTaken, body } = await ask(path, 'POST', wish).catch(() => ({ isTaken: false, body: undefined }));
    const place = path.startsWith('/api/silences') ? 'silence-problem' : 'people-problem';
    find(place).textContent = isTaken ? '' : (body?.error ?? 'the router does not answer');
    await look();
  };
  const look = async (): Promise<void> => {
    // However fast runs come; the next look is soon.
    if (isLooking) return;
    isLooking = true;
    try {
      const paths = ['/api/approvals', '/api/pages', '/api/silences'];
      const [asked, paged, silenced] = await Promise.all(paths.map((path) => ask(path)));
      if (!asked?.isTaken || !paged?.isTaken || !silenced?.isTaken) return;
      const approvals: readonly Approval[] = asked.body.approvals;
      const pages: readonly Page[] = paged.body.pages;
      const silences: readonly Silence[] = silenced.body.silences;
      const open = silences.filter(({ state }) => state !== 'ended');
      find('silences').replaceChildren(...open.map((one) => silenceRow(one, act)));
      find('pages').replaceChildren(...pages.map((one) => pageRow(one, act)));
      find('approvals').replaceChildren(...approvals.map((one) => approvalRow(one, act)));
      find('people').hidden = approvals.length + pages.length === 0 && find('people-problem').textContent === '';
    } catch {
      // The event stream notices the same break, and says so.
    } finally {
      isLooking = false;
    }
  };
  find('silence').addEventListener('submit', (event) => {
    event.preventDefault();
    const form = event.target;
    if (!(form instanceof HTMLFormElement)) return;
    const wish = Object.fromEntries(new FormData(form));
    form.reset();
    void act('/api/silences', wish);
  });
  void look();
  setInterval(() => void look(), LOOK_MS);
  return () => void look();
}
