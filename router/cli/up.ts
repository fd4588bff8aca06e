import { join, resolve } from 'node:path';
import { type Command, exitCodes, readArgs, UsageError } from '#rules/cli/command-line';
import { heapFlags, smallYoung, usualHeapMib } from '#rules/cli/heap';
import { type Log, makeLog } from '#rules/cli/log';
import { builtInPlaybooks, DEFAULT_LISTEN, defaultDataFolder, readListen } from '../config/options.ts';
import { namesGit } from '../config/router-file.ts';
import { readOrMakeToken, TokenError } from '../config/token.ts';
import { type Child, keepRunning } from './child.ts';

const script = join(import.meta.dirname, '../../lanner.ts');

/** Small heaps: neither process holds much, and both run on hosts that have other work to do. */
const nodeFlags = { router: smallYoung, agent: heapFlags(usualHeapMib) };

/** The agent first, so that its last alerts still reach the router. Both together end within 2 s. */
const AGENT_END_MS = 1_000;
const ROUTER_END_MS = 900;

/** Agent and router as two processes, which talk as they would across machines. Either may die without the other. */
export const up: Command = {
  name: 'up',
  summary: `Run agent and router together, until Ctrl-C.

  --enforce          let playbooks act; without it they only say what they would do
  --json             alerts and ended runs as JSON on standard output, one a line
  --data DIR         where everything is kept; ${defaultDataFolder()} if not given
  --listen HOST:PORT where console and API listen; ${DEFAULT_LISTEN} if not given
  --config F         the agent's configuration file (agent/README.md)
  --router-config F  the router's configuration file (router/README.md); DIR/router.yaml if not given
  --profile NAME     which built-in rules are on: default, strict or all
  --rules PATH       rule files or folders instead of the built-in ones; several may follow
  --playbooks PATH   playbook files or folders instead of the built-in ones; several may follow`,
  usage:
    '[--enforce] [--json] [--data DIR] [--listen HOST:PORT] [--config F] [--router-config F] [--profile NAME] [--rules PATH…] [--playbooks PATH…]',
  run: async (args) => {
    const { values, positionals } = readArgs(args, {
      enforce: { type: 'boolean' },
      json: { type: 'boolean' },
      data: { type: 'string' },
      listen: { type: 'string' },
      config: { type: 'string' },
      'router-config': { type: 'string' },
      profile: { type: 'string' },
      rules: { type: 'string', multiple: true },
      playbooks: { type: 'string', multiple: true },
    });
    const rules = pathsAfter(args, '--rules');
    const playbooks = pathsAfter(args, '--playbooks');
    const stray = positionals.find((word) => !rules.includes(word) && !playbooks.includes(word));
    if (stray !== undefined) throw new UsageError(`unexpected argument ${JSON.stringify(stray)}`);
    const data = resolve(values.data ?? defaultDataFolder());
    const listen = values.listen ?? DEFAULT_LISTEN;
    const log = makeLog('lanner', 'info', values.json === true || !process.stderr.isTTY ? 'json' : 'text');
    // Made here, so that both children find it whichever of them is first.
    try {
      readOrMakeToken(join(data, 'token'));
    } catch (error) {
      if (!(error instanceof TokenError) && !(error instanceof Error && 'code' in error)) throw error;
      process.stderr.write(`lanner up: ${error.message}\n`);
      return exitCodes.failed;
    }
    // From git they come by the router, on this host as on all others.
    const isGit = playbooks.length === 0 && namesGit(values['router-config'] ?? join(data, 'router.yaml'));
    const ownPlaybooks = playbooks.length > 0 ? playbooks : isGit ? [] : [builtInPlaybooks];
    return supervise(log, {
      router: [
        ...['--data', data, '--listen', listen, '--nodes', '1'],
        ...(values.enforce === true ? ['--enforce'] : []),
        ...(values.json === true ? ['--json'] : []),
        ...(values['router-config'] === undefined ? [] : ['--config', values['router-config']]),
        ...playbooks.flatMap((path) => ['--playbooks', path]),
      ],
      agent: [
        ...['--data', data, '--router', routerUrl(listen), '--token-file', join(data, 'token')],
        ...(values.json === true ? ['--json'] : []),
        ...(values.config === undefined ? [] : ['--config', values.config]),
        ...(values.profile === undefined ? [] : ['--profile', values.profile]),
        ...(values.enforce === true ? ['--enforce'] : []),
        ...rules.flatMap((path) => ['--rules', path]),
        ...ownPlaybooks.flatMap((path) => ['--playbooks', path]),
      ],
    });
  },
};

/** The values of a flag that takes several words, once or repeatedly: `--rules A B`, `--rules=A --rules B`. */
function pathsAfter(args: readonly string[], flag: string): readonly string[] {
  const paths: string[] = [];
  let inFlag = false;
  for (const word of args) {
    if (word.startsWith(`${flag}=`)) paths.push(word.slice(flag.length + 1));
    if (word.startsWith('-')) inFlag = word === flag;
    else if (inFlag) paths.push(word);
  }
  return paths;
}

/** Where the agent on this host reaches a router that listens on `listen`. */
function routerUrl(listen: string): string {
  const { host, port } = readListen(listen);
  const reachable = host === '' || host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

async function supervise(log: Log, args: { readonly router: readonly string[]; readonly agent: readonly string[] }) {
  const stop = Promise.withResolvers<'stop'>();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.resolve('stop'));

  const children: { router?: Child; agent?: Child } = {};
  const close = async () => {
    await children.agent?.close(AGENT_END_MS);
    await children.router?.close(ROUTER_END_MS);
  };
  const launch = (name: 'router' | 'agent') => {
    const child = keepRunning({
      name,
      flags: ['--no-warnings', ...nodeFlags[name]],
      argv: [script, name, ...args[name]],
      log,
    });
    children[name] = child;
    return Promise.race([child.started, stop.promise]);
  };

  // Both at once; the agent tries until the router listens.
  for (const [name, started] of [
    ['router', launch('router')],
    ['agent', launch('agent')],
  ] as const) {
    const start = await started;
    if (start === 'stop' || start.status === 'ended') {
      await close();
      if (start === 'stop') return exitCodes.ok;
      if (name === 'agent' && start.code === exitCodes.unsupported) {
        log('error', 'the agent cannot run on this machine; `lanner router` runs the router alone');
      }
      return start.code === 0 ? exitCodes.bug : start.code;
    }
    for (const line of start.ready.lines) log('info', line);
  }
  await stop.promise;
  await close();
  return exitCodes.ok;
}
