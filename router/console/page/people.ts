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

type Act = (path: string) => Promise<void>;

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

/** Shows what waits for people, as long as the page is open. */
export function followPeople(token: string): void {
  const ask = async (path: string, method = 'GET') => {
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(path, { method, headers, cache: 'no-store' });
    return { isTaken: response.ok, body: readJson(await response.text()) };
  };
  const act: Act = async (path) => {
    const { isTaken, body } = await ask(path, 'POST').catch(() => ({ isTaken: false, body: undefined }));
    find('people-problem').textContent = isTaken ? '' : (body?.error ?? 'the router does not answer');
    await look();
  };
  const look = async (): Promise<void> => {
    try {
      const [asked, paged] = await Promise.all([ask('/api/approvals'), ask('/api/pages')]);
      if (!asked.isTaken || !paged.isTaken) return;
      const approvals: readonly Approval[] = asked.body.approvals;
      const pages: readonly Page[] = paged.body.pages;
      find('pages').replaceChildren(...pages.map((one) => pageRow(one, act)));
      find('approvals').replaceChildren(...approvals.map((one) => approvalRow(one, act)));
      find('people').hidden = approvals.length + pages.length === 0 && find('people-problem').textContent === '';
    } catch {
      // The event stream notices the same break, and says so.
    }
  };
  void look();
  setInterval(() => void look(), LOOK_MS);
}
