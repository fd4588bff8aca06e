import { describe, expect, it } from 'vitest';
import { alertSchema } from '#rules/alert';
import { decide } from './gate.ts';
import { loadPlaybooks } from './load.ts';
import { nodeCatalogue } from './node-catalogue.ts';

const silence = `
silence: pentest
condition: user.name = scanner
from: "2026-01-01T08:00:00Z"
until: "2026-01-01T18:00:00Z"
by: anna
reason: pentest of the shop
`;
const playbook = (name: string, more = '') =>
  `---\nplaybook: ${name}\non: { rules: [r] }\n${more}steps: [{ id: kill, uses: container.kill, with: { container: c } }]\n`;
const load = (...texts: readonly string[]) =>
  loadPlaybooks(
    texts.map((text, at) => ({ path: `${at}.yaml`, text })),
    nodeCatalogue,
  );
const state = { memory: undefined, dedupe: undefined, limits: undefined };

/** What each playbook makes of an alert of this user at this time. */
function decisions(texts: readonly string[], time: string, user = 'scanner') {
  const alert = alertSchema.parse({ time, rule: 'r', priority: 'Error', output_fields: { 'user.name': user } });
  const { playbooks, errors } = load(...texts);
  expect(errors).toEqual([]);
  return playbooks.map((one) => {
    const { decision } = decide(one, { alert, alertId: 'a', steps: new Map() }, state, Date.parse(time));
    return decision.kind === 'held' ? decision.detail : decision.kind;
  });
}

describe('a silence that stands for itself', () => {
  const detail = 'silenced by pentest by anna until 2026-01-01T18:00:00.000Z: pentest of the shop';

  it.for([
    { time: '2026-01-01T07:59:59Z', user: 'scanner', says: 'start' },
    { time: '2026-01-01T08:00:00Z', user: 'scanner', says: detail },
    { time: '2026-01-01T12:00:00Z', user: 'anna', says: 'start' },
    { time: '2026-01-01T18:00:00Z', user: 'scanner', says: 'start' },
  ])('at $time is for $user: $says', ({ time, user, says }) => {
    expect(decisions([silence + playbook('p')], time, user)).toEqual([says]);
  });

  it('holds for the playbooks of all files, also of those before it', () => {
    expect(decisions([playbook('p'), silence, playbook('q')], '2026-01-01T12:00:00Z')).toEqual([detail, detail]);
  });

  it('may be for some of them', () => {
    const some = silence.replace('by:', 'playbooks: [q]\nby:');
    expect(decisions([some, playbook('p'), playbook('q')], '2026-01-01T12:00:00Z')).toEqual(['start', detail]);
  });

  it.for([
    { text: silence.replace(/by:.*\n/, ''), says: 'by: is missing; expected a text' },
    { text: silence.replace(/reason:.*\n/, ''), says: 'reason: is missing; expected a text' },
    { text: silence.replace(/until:.*\n/, ''), says: 'until: is missing' },
    { text: silence.replace('T18', 'T07'), says: 'until: is before from' },
    { text: silence.replace('user.name', 'user.nmae'), says: 'unknown field user.nmae; did you mean user.name?' },
    { text: `${silence}rule: x\n`, says: 'unknown key rule' },
  ])('is refused: $says', ({ text, says }) => {
    expect(load(text).errors.map(({ message }) => message)).toEqual([expect.stringContaining(says)]);
  });
});

it('a silence of one playbook may begin later, and say who wants it', () => {
  const own =
    'silences: [{ condition: user.name = scanner, from: "2026-01-01T08:00:00Z", until: "2026-01-01T18:00:00Z", by: anna }]\n';
  expect(decisions([playbook('p', own)], '2026-01-01T07:00:00Z')).toEqual(['start']);
  expect(decisions([playbook('p', own)], '2026-01-01T08:00:00Z')).toEqual([
    'silenced by anna until 2026-01-01T18:00:00.000Z',
  ]);
});
