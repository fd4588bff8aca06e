import { type Json, listOf, mapOf, partOf, textOf } from '../containers/json.ts';
import { type Api, askApi } from './api-client.ts';

/** A task as the Mesos agent tells of it. Text is byte strings. */
export type MesosTask = {
  readonly id: string;
  readonly name: string | undefined;
  readonly labels: ReadonlyMap<string, string>;
  readonly frameworkId: string | undefined;
  readonly frameworkName: string | undefined;
};

/** An application of Marathon: `/shop/web` is the application `web` in the group `/shop`. */
export type MarathonApp = { readonly id: string; readonly labels: ReadonlyMap<string, string> };

export type MesosOptions = {
  /** The Mesos agent of this host, and Marathon, where they are wanted. */
  readonly agent: Api | undefined;
  readonly marathon: Api | undefined;
  readonly log: (
    level: 'info' | 'warn',
    message: string,
    fields?: Readonly<Record<string, string | number | boolean | undefined>>,
  ) => void;
  readonly nowMs: () => number;
  /** Neither has anything to watch: each is asked this often, and earlier when an unknown task is met. */
  readonly everyMs?: number;
  readonly soonMs?: number;
};

export type MesosCounters = { asked: number; failures: number };

export type Mesos = {
  task(id: string): MesosTask | undefined;
  /** By the id of a container of the Mesos containerizer, or of one that it had Docker start. */
  taskOfContainer(id: string): MesosTask | undefined;
  app(id: string): MarathonApp | undefined;
  appOfTask(id: string): MarathonApp | undefined;
  readonly counters: MesosCounters;
  close(): void;
};

const EVERY_MS = 30_000;
const SOON_MS = 1_000;
const TIMEOUT_MS = 10_000;
/** Most tasks and applications that are kept. */
const MOST = 8_192;

/** Follows the Mesos agent's and Marathon's HTTP APIs. Nothing ever waits for them. */
export function openMesos(options: MesosOptions): Mesos {
  const { nowMs, log, everyMs = EVERY_MS, soonMs = SOON_MS } = options;
  const stop = new AbortController();
  const counters: MesosCounters = { asked: 0, failures: 0 };
  let tasks: TaskBook = { byId: new Map(), byContainer: new Map() };
  let apps: AppBook = { byId: new Map(), byTask: new Map() };
  const silent = new Set<string>();

  const ask = async (name: string, api: Api, path: string): Promise<Json | undefined> => {
    counters.asked++;
    const answer = await askApi({ ...api, signal: stop.signal }, path, TIMEOUT_MS);
    if (stop.signal.aborted) return undefined;
    if (answer.status === 200) {
      if (silent.delete(name)) log('info', `${name} answers again`);
      return partOf(answer.json);
    }
    counters.failures++;
    if (!silent.has(name)) log('warn', `${name} does not answer`, { reason: answer.reason });
    silent.add(name);
    return undefined;
  };

  const { agent, marathon } = options;
  const readers: Reader[] = [];
  if (agent !== undefined) {
    readers.push(
      new Reader(async () => {
        const state = await ask('the Mesos agent', agent, '/state');
        if (state !== undefined) tasks = readState(state);
      }),
    );
  }
  if (marathon !== undefined) {
    readers.push(
      new Reader(async () => {
        const listed = await ask('Marathon', marathon, '/v2/apps');
        const running = listed && (await ask('Marathon', marathon, '/v2/tasks?status=running'));
        if (listed !== undefined && running !== undefined) apps = readApps(listed, running);
      }),
    );
  }
  const askAll = () => {
    for (const reader of readers) void reader.run();
  };
  let askedMs = nowMs();
  askAll();
  const timer = setInterval(askAll, everyMs).unref();

  /** Gives what is known, and asks anew soon when that is nothing. */
  const found = <T>(value: T | undefined): T | undefined => {
    if (value === undefined && nowMs() - askedMs >= soonMs) {
      askedMs = nowMs();
      askAll();
    }
    return value;
  };
  return {
    task: (id) => found(tasks.byId.get(id)),
    taskOfContainer: (id) => found(tasks.byContainer.get(id)),
    app: (id) => found(apps.byId.get(id)),
    appOfTask: (id) => found(apps.byTask.get(id)),
    counters,
    close() {
      clearInterval(timer);
      stop.abort();
    },
  };
}

/** Runs one at a time: whoever is slow is not asked again meanwhile. */
class Reader {
  readonly #read: () => Promise<void>;
  #isRunning = false;

  constructor(read: () => Promise<void>) {
    this.#read = read;
  }

  async run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    await this.#read().finally(() => {
      this.#isRunning = false;
    });
  }
}

type TaskBook = { readonly byId: Map<string, MesosTask>; readonly byContainer: Map<string, MesosTask> };
type AppBook = { readonly byId: Map<string, MarathonApp>; readonly byTask: Map<string, MarathonApp> };

/** The agent's `/state` (mesos.apache.org, HTTP endpoints): frameworks, their executors, and what these run. */
function readState(state: Json): TaskBook {
  const book: TaskBook = { byId: new Map(), byContainer: new Map() };
  for (const framework of documents(state['frameworks'])) {
    for (const executor of documents(framework['executors'])) {
      const running = [...documents(executor['tasks']), ...documents(executor['queued_tasks'])];
      for (const each of running) {
        if (book.byId.size >= MOST) return book;
        const task = readTask(each, framework);
        if (task === undefined) continue;
        book.byId.set(task.id, task);
        for (const container of containersOf(each)) book.byContainer.set(container, task);
        // Of several tasks in one executor, only their own containers say which it is.
        const shared = textOf(executor['container']);
        if (shared !== undefined && running.length === 1) book.byContainer.set(shared, task);
      }
    }
  }
  return book;
}

function readTask(document: Json, framework: Json): MesosTask | undefined {
  const id = textOf(document['id']);
  if (id === undefined) return undefined;
  return {
    id,
    name: textOf(document['name']),
    labels: pairs(document['labels']),
    frameworkId: textOf(framework['id']),
    frameworkName: textOf(framework['name']),
  };
}

/** The container that the latest status names. */
const containersOf = (task: Json): readonly string[] =>
  listOf(task['statuses']).flatMap(
    (status) => textOf(partOf(status, 'container_status', 'container_id')['value']) ?? [],
  );

const pairs = (value: unknown): Map<string, string> =>
  new Map(
    listOf(value).flatMap(({ key, value: text }) => {
      const name = textOf(key);
      return name === undefined ? [] : [[name, textOf(text) ?? '']];
    }),
  );

/** Marathon's `/v2/apps` and `/v2/tasks`. */
function readApps(listed: Json, running: Json): AppBook {
  const book: AppBook = { byId: new Map(), byTask: new Map() };
  for (const each of documents(listed['apps']).slice(0, MOST)) {
    const id = textOf(each['id']);
    if (id !== undefined) book.byId.set(id, { id, labels: mapOf(each['labels']) });
  }
  for (const each of documents(running['tasks']).slice(0, MOST)) {
    const task = textOf(each['id']);
    const app = book.byId.get(textOf(each['appId']) ?? '');
    if (task !== undefined && app !== undefined) book.byTask.set(task, app);
  }
  return book;
}

/** All of a list; each book has its own bound. */
const documents = (value: unknown): readonly Json[] =>
  Array.isArray(value) ? value.slice(0, MOST).map((each) => partOf(each)) : [];
