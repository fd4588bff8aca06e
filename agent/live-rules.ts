import type { Log } from '#rules/cli/log';
import { comparedTexts } from '#rules/language/compared-texts';
import { type CompiledRuleSet, compileRuleSet } from '#rules/language/compile';
import type { RuleSet } from '#rules/language/rule-set';
import type { Capture } from './capture/kernel.ts';
import type { AgentOptions } from './config/options.ts';
import { eitherNeeds, type Needs, needsOf } from './engine/needs.ts';
import type { Event } from './events/event.ts';
import { describedTypes } from './fields/arguments.ts';
import { bindField } from './fields/bind.ts';
import type { Scene } from './fields/scene.ts';
import { type FilterSource, openFilter } from './filter-cache.ts';
import { guardsOf, type Judges, makeJudges } from './pushdown/judges.ts';
import type { Process } from './state/process.ts';

export type LiveRulesOptions = {
  readonly options: Pick<AgentOptions, 'matching' | 'dataFolder'>;
  /** Captured whatever the rules say. */
  readonly neededCalls: readonly string[];
  readonly agentVersion: string;
  readonly filtering: 'on' | 'off';
  readonly log: Log;
};

/** What the rules ask of the kernel. */
type Wanted = { readonly types: readonly string[]; readonly details: Needs };

type InUse = { readonly rules: CompiledRuleSet<Scene>; readonly wanted: Wanted };

/** The rules in use, from their text to what the kernel drops because of them; they can be swapped while events flow. */
export type LiveRules = {
  current(): CompiledRuleSet<Scene>;
  wanted(): Wanted;
  /** Texts that enabled rules compare host names with. */
  hostNames(): Iterable<string>;
  /** From now on the kernel is told; `changed` hears of rules that are swapped in. */
  attach(capture: Pick<Capture, 'setTypes' | 'setFilter' | 'judge' | 'drain'>, changed: () => void): void;
  /** Answers an event with which the kernel's filter asks about its process. */
  judge(event: Event, process: Process): void;
  /**
   * No event is lost: first the kernel sends what old and new rules want, unfiltered; then the rules change; then it is
   * told what is enough, and their filter is made.
   */
  swap(ruleSet: RuleSet): void;
  close(): Promise<unknown>;
};

export function makeLiveRules(first: RuleSet, live: LiveRulesOptions): LiveRules {
  const { neededCalls, filtering } = live;
  let inUse = compile(first, live);
  let judges: Judges = [];
  let making: ReturnType<FilterSource['make']> | undefined;
  let told: { readonly capture: Parameters<LiveRules['attach']>[0]; readonly changed: () => void } | undefined;

  const setFilter = (): void => {
    if (told === undefined) return;
    const { capture } = told;
    const { rules } = inUse.rules;
    const use = (tables: Uint8Array | undefined): void => {
      judges = tables === undefined ? [] : makeJudges(rules, tables);
      capture.setFilter(tables);
    };
    const source = filtering === 'off' ? undefined : filterOf(inUse, live);
    use(source?.kept);
    // Until there is one the kernel sends all that is asked for.
    const mine = source !== undefined && source.kept === undefined ? source.make() : undefined;
    making = mine;
    void mine?.tables.then((tables) => {
      if (tables !== undefined && making === mine) use(tables);
    });
  };
  const stopMaking = (): Promise<unknown> | undefined => {
    const stopped = making?.stop();
    making = undefined;
    return stopped;
  };
  return {
    current: () => inUse.rules,
    wanted: () => inUse.wanted,
    hostNames: () =>
      comparedTexts(
        inUse.rules.rules.map(({ rule }) => rule.condition),
        ({ candidates }) => candidates === 'names',
      ),
    attach(capture, changed) {
      told = { capture, changed };
      setFilter();
    },
    judge(event, { program: { argv, exePath } }) {
      told?.capture.judge(event, guardsOf(judges, { exe: argv[0], exePath }));
    },
    swap(ruleSet) {
      const next = compile(ruleSet, live);
      const before = inUse.wanted;
      const details = eitherNeeds(before.details, next.wanted.details);
      void stopMaking();
      judges = [];
      told?.capture.setFilter(undefined);
      told?.capture.setTypes(new Set([...before.types, ...next.wanted.types, ...neededCalls]), details);
      told?.capture.drain();
      inUse = next;
      told?.changed();
      told?.capture.setTypes([...next.wanted.types, ...neededCalls], next.wanted.details);
      setFilter();
    },
    close: async () => stopMaking(),
  };
}

function compile(ruleSet: RuleSet, { options: { matching } }: LiveRulesOptions): InUse {
  const rules = compileRuleSet<Scene>(ruleSet, bindField, { matching, nowNs: () => performance.now() * 1e6 });
  const types = rules.eventTypes === 'all' ? describedTypes : [...rules.eventTypes];
  return { rules, wanted: { types, details: needsOf(ruleSet.rules) } };
}

function filterOf({ rules, wanted }: InUse, live: LiveRulesOptions): FilterSource {
  const { neededCalls, options, agentVersion, log } = live;
  const { dataFolder } = options;
  return openFilter(rules, { types: wanted.types, kept: neededCalls, dataFolder, version: agentVersion, log });
}
