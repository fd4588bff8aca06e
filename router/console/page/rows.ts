export type Alert = {
  readonly time: string;
  readonly rule: string;
  readonly priority: string;
  readonly hostname: string;
  readonly output: string;
  readonly output_fields: Readonly<Record<string, unknown>>;
};
export type StoredAlert = { readonly id: string; readonly alert: Alert; readonly silenced?: string };
export type Step = {
  readonly id: string;
  readonly uses: string;
  readonly state: string;
  readonly detail: string;
  readonly approval?: { readonly answer?: object };
};
export type Run = {
  readonly id: string;
  readonly playbook: string;
  readonly rule: string;
  readonly mode: string;
  readonly state: string;
  readonly startedMs: number;
  readonly steps: readonly Step[];
};

const severe = new Set(['Emergency', 'Alert', 'Critical', 'Error', 'failed', 'timed_out', 'refused']);
const warning = new Set(['Warning', 'running', 'skipped', 'gone']);
const good = new Set(['done']);

function toneOf(word: string): string {
  return severe.has(word) ? 'severe' : warning.has(word) ? 'warning' : good.has(word) ? 'good' : '';
}

/** What alerts and runs say comes from strangers: it gets into the page as text nodes only, never as markup. */
export function make(tag: string, className: string, ...children: readonly (string | Node)[]): HTMLElement {
  const element = document.createElement(tag);
  if (className !== '') element.className = className;
  element.append(...children.map((child) => (typeof child === 'string' ? visible(child) : child)));
  return element;
}

/** Marks that turn the direction of writing, and control characters, would let a stranger's text look like another. */
function visible(text: string): string {
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

export function alertRow({ alert, silenced }: StoredAlert): HTMLElement {
  const row = make(
    'li',
    '',
    make('p', '', make('span', `name ${toneOf(alert.priority)}`, alert.rule), ' ', alert.priority),
    make('p', 'output', alert.output),
    make('p', 'about', make('span', 'when', alert.time), ` ${alert.hostname}`),
    ...(silenced === undefined ? [] : [make('p', 'about', silenced)]),
  );
  const fields = Object.entries(alert.output_fields);
  if (fields.length === 0) return row;
  const list = make('dl', '');
  for (const [name, value] of fields) {
    list.append(make('dt', '', name), make('dd', '', typeof value === 'string' ? value : JSON.stringify(value)));
  }
  row.append(make('details', '', make('summary', '', 'fields'), list));
  return row;
}

export function runRow(run: Run): HTMLElement {
  const steps = run.steps.map(({ id, uses, state, detail }) =>
    make('p', '', make('span', toneOf(state), state), ` ${id} (${uses})${detail === '' ? '' : `: ${detail}`}`),
  );
  const state = run.mode === 'dry-run' ? `${run.state}, dry run` : run.state;
  return make(
    'li',
    '',
    make('p', '', make('span', 'name', run.playbook), ' ', make('span', toneOf(run.state), state)),
    ...steps,
    make('p', 'about', make('span', 'when', new Date(run.startedMs).toISOString()), ` after ${run.rule}`),
  );
}
