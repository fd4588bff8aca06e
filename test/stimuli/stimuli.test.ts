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

const rows: Row[] = [];
let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(async () => {
  process.stdout.write(`\n${tableOf(rows)}\n`);
  await stage?.close();
});

/** Every alert between the start of the stimulus and its mark. */
async function alertsOf(watch: Watch, stimulus: Stimulus, id: string): Promise<readonly StageAlert[]> {
  const begin = watch.alerts().length;
  await stage.run(stimulus, id);
  const isMark = ({ rule, output }: StageAlert) => rule === MARK_RULE && output.includes(` ${id} `);
  const end = await eventually(`the mark of ${id}`, () => {
    const at = watch.alerts().findIndex(isMark);
    return at === -1 ? undefined : at;
  }).catch((cause: unknown) => {
    throw new Error(watch.said(), { cause });
  });
  return watch.alerts().slice(begin, end);
}

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
    const show = (alerts: readonly StageAlert[]) => alerts.map((alert) => `${alert.rule}: ${alert.output}`);
    const missed = (await alertsOf(watch, miss, `${id}-miss`)).filter(isNamed);
    const alerts = await alertsOf(watch, fire, `${id}-fire`);
    const fired = alerts.find(isNamed);
    const silent = missed.length === 0;
    rows.push({ set: name, rule, fired: fired !== undefined, silent, latencyUs: fired?.latencyUs });
    expect(show(missed), 'alerts of the near miss').toEqual([]);
    if (Object.hasOwn(unseen, rule)) {
      expect(fired, `the agent sees it now, although it lacked ${unseen[rule]}: take it off the list`).toBeUndefined();
      return;
    }
    expect(fired, `no alert; others:\n${show(alerts).join('\n')}\n${watch.said()}`).toBeDefined();
  });
});
