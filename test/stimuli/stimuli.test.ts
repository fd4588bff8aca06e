import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { builtIn } from './built-in/all.ts';
import { deprecated } from './published/deprecated.ts';
import { incubating } from './published/incubating.ts';
import { sandbox } from './published/sandbox.ts';
import { stable } from './published/stable.ts';
import { openStage, type Stage } from './stage.ts';
import type { RuleSet, Stimulus } from './stimulus.ts';
import { type Row, tableOf } from './table.ts';
import { MARK_RULE, rulesIn, type StageAlert, startWatch, type Watch } from './watch.ts';

const published: readonly RuleSet[] = [stable, incubating, sandbox, deprecated];

/** The published files lie beside the project; a clone may lack them, a run in CI must not. */
const sets = [...published.filter(({ paths }) => paths.every(existsSync) || process.env['CI'] === 'true'), builtIn];

/** How far this process and the kernel may be apart in reading the clock. */
const CLOCK_US = 1_000;
/** How long an alert may come after that of the closing mark. */
const LATE_MS = 3_000;

const rows: Row[] = [];
let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(async () => {
  process.stdout.write(`\n${tableOf(rows)}\n`);
  await stage?.close();
});

/** From before the stimulus to its mark. */
type Window = { readonly fromUs: number; readonly toUs: number };

async function run(watch: Watch, stimulus: Stimulus, id: string): Promise<Window> {
  const fromUs = watch.nowUs() - CLOCK_US;
  await stage.run(stimulus, id);
  const isMark = ({ rule, output }: StageAlert) => rule === MARK_RULE && output.includes(` ${id} `);
  const mark = await eventually(`the mark of ${id}`, () => watch.alerts().find(isMark)).catch((cause: unknown) => {
    throw new Error(watch.said(), { cause });
  });
  return { fromUs, toUs: mark.timeUs };
}

/** By the time of their events: an alert may come later than that of a later event. */
const within = (watch: Watch, { fromUs, toUs }: Window): readonly StageAlert[] =>
  watch.alerts().filter(({ timeUs }) => timeUs >= fromUs && timeUs <= toUs);

const show = (alerts: readonly StageAlert[]): string =>
  alerts.map(({ rule, output, isOwn }) => `${isOwn ? '' : 'of others: '}${rule}: ${output}`).join('\n');

describe.for(sets)('$name rules', (set) => {
  const { name, paths, tuning = '', cases, unseen = {}, impossible = {} } = set;
  let watch: Watch;
  beforeAll(async () => {
    watch = await startWatch(stage, paths, tuning);
  });
  afterAll(() => watch?.close());

  it('have a case each, but for those that this machine cannot show', () => {
    const named = [...cases.map(({ rule }) => rule), ...Object.keys(impossible)];
    expect(named.toSorted()).toEqual(rulesIn(paths).toSorted());
  });

  it.for(cases.map((one, index) => ({ ...one, id: `${name}-${index}` })))('$rule', async ({ rule, fire, miss, id }) => {
    const isNamed = (alert: StageAlert) => alert.rule === rule && alert.isOwn;
    const missWindow = await run(watch, miss, `${id}-miss`);
    const window = await run(watch, fire, `${id}-fire`);
    const find = () => within(watch, window).find(isNamed);
    const wait = Object.hasOwn(unseen, rule) ? 0 : LATE_MS;
    // Nothing in time is an outcome here: it is judged below.
    const fired = await eventually('the alert', find, wait).catch(() => undefined);
    const missed = within(watch, missWindow).filter(isNamed);
    const silent = missed.length === 0;
    rows.push({ set: name, rule, fired: fired !== undefined, silent, latencyUs: fired?.latencyUs });
    expect(show(missed), 'alerts of the near miss').toBe('');
    if (Object.hasOwn(unseen, rule)) {
      expect(fired, `the agent sees it now, although it lacked ${unseen[rule]}: take it off the list`).toBeUndefined();
      return;
    }
    expect(fired, `no alert; others:\n${show(within(watch, window))}\n${watch.said()}`).toBeDefined();
  });
});
