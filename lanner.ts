#!/usr/bin/env node
import { readFileSync, statSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { type Command, exitCodes, UsageError } from './rules/cli/command-line.ts';

/** Every command: its words, one line about it, and where its code lies. Nothing is loaded before it is asked for. */
const commands = {
  up: { summary: 'run agent and router together', load: async () => (await import('./router/cli/up.ts')).up },
  agent: { summary: 'run the agent', load: async () => (await loadAgent()).agent },
  router: { summary: 'run the router', load: async () => (await import('./router/cli/router.ts')).router },
  'stop-responding': {
    summary: 'stop all destructive actions on all nodes',
    load: async () => (await import('./agent/cli/responding.ts')).stopResponding,
  },
  'resume-responding': {
    summary: 'let nodes respond again',
    load: async () => (await import('./agent/cli/responding.ts')).resumeResponding,
  },
  'rules check': { summary: 'check rule files', load: async () => (await import('./rules/cli/check.ts')).check },
  'rules list': { summary: 'list rules', load: async () => (await import('./rules/cli/list.ts')).list },
  'rules describe': {
    summary: 'rules with conditions expanded, fields and event types',
    load: async () => (await import('./rules/cli/describe.ts')).describe,
  },
  'rules probe': {
    summary: 'answer language questions, NDJSON in, NDJSON out',
    load: async () => (await import('./rules/cli/probe.ts')).probe,
  },
  'rules test': { summary: 'run rule tests', load: async () => (await import('./rules/cli/test.ts')).test },
  'rules explain': {
    summary: 'say why a rule matches an event or not',
    load: async () => (await import('./rules/cli/explain.ts')).explain,
  },
  'rules top': {
    summary: 'say what each rule costs on the running agent',
    load: async () => (await import('./agent/cli/rules-top.ts')).rulesTop,
  },
  'playbooks check': {
    summary: 'check playbook files',
    load: async () => {
      const [{ makeCheck }, { actionCatalogue }, { findSecrets }, { findStraysIn }] = await Promise.all([
        import('./playbooks/cli/check.ts'),
        import('./router/actions/all.ts'),
        import('./router/cli/find-secrets.ts'),
        import('./router/cli/find-strays.ts'),
      ]);
      return makeCheck(actionCatalogue, findSecrets, findStraysIn);
    },
  },
  'playbooks test': {
    summary: 'run playbook tests',
    load: async () => {
      const [{ makeTest }, { actionCatalogue }] = await Promise.all([
        import('./playbooks/cli/test.ts'),
        import('./router/actions/all.ts'),
      ]);
      return makeTest(actionCatalogue);
    },
  },
  'playbooks explain': {
    summary: 'say why an alert starts a playbook or not',
    load: async () => {
      const [{ makeExplain }, { actionCatalogue }] = await Promise.all([
        import('./playbooks/cli/explain.ts'),
        import('./router/actions/all.ts'),
      ]);
      return makeExplain(actionCatalogue);
    },
  },
  'playbooks actions': {
    summary: 'say what steps can do',
    load: async () => {
      const [{ makeActions }, { actionCatalogue }] = await Promise.all([
        import('./playbooks/cli/actions.ts'),
        import('./router/actions/all.ts'),
      ]);
      return makeActions(actionCatalogue);
    },
  },
  'playbooks run': {
    summary: 'say what a playbook would do about an alert, on the running router',
    load: async () => (await import('./router/cli/dry-run.ts')).dryRun,
  },
  'playbooks resume': {
    summary: 'let a playbook go on that has stopped itself',
    load: async () => (await import('./router/cli/resume.ts')).resume,
  },
  sync: {
    summary: 'let the router look at its git repository now, or go back to a commit',
    load: async () => (await import('./router/cli/sync.ts')).sync,
  },
  approvals: {
    summary: 'list steps that wait for a person to agree',
    load: async () => (await import('./router/cli/approvals.ts')).approvals,
  },
  approve: {
    summary: 'let a step be performed that waits for it',
    load: async () => (await import('./router/cli/approvals.ts')).approve,
  },
  deny: {
    summary: 'refuse a step that waits for a person to agree',
    load: async () => (await import('./router/cli/approvals.ts')).deny,
  },
  pages: {
    summary: 'list pages that nobody has resolved',
    load: async () => (await import('./router/cli/pages.ts')).pages,
  },
  ack: {
    summary: 'acknowledge a page: nobody else is told',
    load: async () => (await import('./router/cli/pages.ts')).ack,
  },
  resolve: {
    summary: 'resolve a page, here and at the pagers',
    load: async () => (await import('./router/cli/pages.ts')).resolve,
  },
  'silence add': {
    summary: 'silence alerts for a while',
    load: async () => (await import('./router/cli/silences.ts')).addSilence,
  },
  'silence list': {
    summary: 'list silences, and how many alerts each has hidden',
    load: async () => (await import('./router/cli/silences.ts')).listSilences,
  },
  'silence end': {
    summary: 'end a silence now',
    load: async () => (await import('./router/cli/silences.ts')).endSilence,
  },
  'audit verify': {
    summary: 'follow the chain of the audit log',
    load: async () => (await import('./router/cli/audit-verify.ts')).auditVerify,
  },
  'destinations list': {
    summary: 'say how the destinations of messages do',
    load: async () => (await import('./router/cli/destinations.ts')).listDestinations,
  },
  'destinations test': {
    summary: 'send a marked test message to a destination',
    load: async () => (await import('./router/cli/destinations.ts')).testDestination,
  },
  'dead-letters list': {
    summary: 'list messages that were given up',
    load: async () => (await import('./router/cli/dead-letters.ts')).listDeadLetters,
  },
  'dead-letters replay': {
    summary: 'try messages again that were given up',
    load: async () => (await import('./router/cli/dead-letters.ts')).replayDeadLetters,
  },
  'dead-letters purge': {
    summary: 'forget messages that were given up',
    load: async () => (await import('./router/cli/dead-letters.ts')).purgeDeadLetters,
  },
  'evidence list': {
    summary: 'list evidence that nodes have handed over',
    load: async () => (await import('./router/cli/evidence.ts')).listEvidence,
  },
  'evidence get': {
    summary: 'fetch an archive of evidence',
    load: async () => (await import('./router/cli/evidence.ts')).getEvidence,
  },
  fields: { summary: 'list the fields', load: async () => (await import('./rules/cli/fields.ts')).fields },
  doctor: { summary: 'say what this machine lacks', load: async () => (await import('./agent/cli/doctor.ts')).doctor },
} as const satisfies Record<string, { readonly summary: string; readonly load: () => Promise<Command> }>;

type CommandName = keyof typeof commands;

/** Of one file (infra/bundle.ts), where it was made of the modules as they are: finding and opening those takes longer than all else of loading. */
async function loadAgent(): Promise<{ readonly agent: Command }> {
  if (!isMadeOfThese(new URL('.build/cli/inputs.json', import.meta.url))) return import('./agent/cli/agent.ts');
  // @ts-expect-error: it is not there for the compiler; what it exports is what agent/cli/agent.ts does.
  return import('./.build/cli/agent.mjs');
}

function isMadeOfThese(list: URL): boolean {
  try {
    const root = new URL('.', import.meta.url).pathname;
    const inputs: readonly (readonly [path: string, mtimeMs: number])[] = JSON.parse(readFileSync(list, 'utf8'));
    return inputs.every(([path, mtimeMs]) => statSync(root + path).mtimeMs === mtimeMs);
  } catch (error) {
    // No bundle, a damaged one, or a module of it is gone.
    if (error instanceof SyntaxError || (error instanceof Error && 'code' in error)) return false;
    throw error;
  }
}

function isCommandName(name: string): name is CommandName {
  return Object.hasOwn(commands, name);
}

function overview(): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length)) + 2;
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}${summary}`);
  return `usage: lanner COMMAND [ARG …]\n\n${lines.join('\n')}\n\n\`lanner COMMAND --help\` says more.\n`;
}

async function main(argv: readonly string[]): Promise<number> {
  const [first = '', second = ''] = argv;
  const words = isCommandName(`${first} ${second}`) ? 2 : 1;
  const name = argv.slice(0, words).join(' ');
  if (first === '' || first === '--help' || first === 'help') {
    process.stdout.write(overview());
    return first === '' ? exitCodes.usage : exitCodes.ok;
  }
  if (!isCommandName(name)) {
    process.stderr.write(`lanner: unknown command ${JSON.stringify(name)}\n\n${overview()}`);
    return exitCodes.usage;
  }
  const command = await commands[name].load();
  const args = argv.slice(words);
  if (args.includes('--help')) {
    process.stdout.write(`usage: lanner ${command.name} ${command.usage}\n\n${command.summary}\n`);
    return exitCodes.ok;
  }
  try {
    return await command.run(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`lanner ${command.name}: ${error.message}\nusage: lanner ${command.name} ${command.usage}\n`);
    return exitCodes.usage;
  }
}

// Types are stripped and code is compiled once, not at every start; threads and child processes look into the environment.
process.env['NODE_COMPILE_CACHE'] ||= new URL('.build/compile-cache', import.meta.url).pathname;
enableCompileCache(process.env['NODE_COMPILE_CACHE']);
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`lanner: a bug: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = exitCodes.bug;
}
