import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';

const metadata = z.looseObject({
  name: z.string(),
  namespace: z.string().optional(),
  uid: z.string().default(''),
  resourceVersion: z.string().optional(),
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
});
const document = z.looseObject({ metadata });
export type Document = z.output<typeof document>;

type Answer = { readonly status: number; readonly body: unknown; readonly headers?: Readonly<Record<string, string>> };
type Asked = {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly type: string;
  readonly body: unknown;
};

/** `/api/v1/namespaces/NS/pods/NAME/eviction` and its like. */
const route =
  /^\/(api\/v1|apis\/networking\.k8s\.io\/v1)(?:\/namespaces\/([^/]+))?\/(pods|nodes|events|networkpolicies|secrets)(?:\/([^/]+))?(?:\/(eviction))?$/;

/**
 * A small API server for tests: it knows versions, preconditions, merge patches, dry runs, selectors of nodes, disruption
 * budgets and the words (Status) of refusals, as kubernetes.io describes them (API concepts, API-initiated eviction).
 */
export class KubernetesApi {
  /** `METHOD path`, with `?dryRun` where it was asked for. */
  readonly asked: string[] = [];
  /** By path. */
  readonly objects = new Map<string, Document>();
  /** Pods with this label key and value: so many evictions are still allowed. */
  readonly budgets: { readonly label: readonly [string, string]; allowed: number }[] = [];
  /** Answers in the place of its own, one after another. */
  readonly instead: (Answer | 'never' | 'reset')[] = [];
  /** `METHOD collection` that the account may not. */
  readonly forbidden = new Set<string>();
  /** What the server does before it carries out a request: others act meanwhile. */
  meanwhile: ((asked: Asked) => void) | undefined;
  readonly #folder = mkdtempSync(join(tmpdir(), 'lanner-kubernetes-api-'));
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  #version = 100;

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  get kubeconfig(): string {
    const address = this.#server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const path = join(this.#folder, 'kubeconfig');
    writeFileSync(
      path,
      `apiVersion: v1
kind: Config
current-context: here
contexts: [{name: here, context: {cluster: here, user: me}}]
clusters: [{name: here, cluster: {server: "http://127.0.0.1:${port}", insecure-skip-tls-verify: true}}]
users: [{name: me, user: {token: let-me-in}}]
`,
    );
    return path;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.#folder, { recursive: true });
  }

  put(path: string, object: object): Document {
    const known = this.objects.get(path);
    const read = document.parse(object);
    this.#version += 1;
    const made = {
      ...read,
      metadata: {
        creationTimestamp: '2026-11-20T08:00:00Z',
        ...known?.metadata,
        ...read.metadata,
        uid: read.metadata.uid || known?.metadata.uid || `uid-${this.#version}`,
        resourceVersion: String(this.#version),
      },
    };
    this.objects.set(path, made);
    return made;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const url = new URL(request.url ?? '', 'http://here');
    const text = Buffer.concat(chunks).toString();
    const asked: Asked = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      type: request.headers['content-type'] ?? '',
      body: text === '' ? undefined : JSON.parse(text),
    };
    this.asked.push(`${asked.method} ${asked.path}${isDry(asked) ? '?dryRun' : ''}`);
    this.meanwhile?.(asked);
    const instead = this.instead.shift();
    if (instead === 'never') return;
    if (instead === 'reset') {
      response.destroy();
      return;
    }
    const isKnown = request.headers.authorization === 'Bearer let-me-in';
    const { status, body, headers } = instead ?? (isKnown ? this.#answer(asked) : refusal(401, 'Unauthorized'));
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  }

  #answer(asked: Asked): Answer {
    const { method, path, query, body } = asked;
    if (path === '/api/v1') {
      const resources = [{ name: 'pods/eviction', namespaced: true, kind: 'Eviction', group: 'policy', version: 'v1' }];
      return { status: 200, body: { kind: 'APIResourceList', groupVersion: 'v1', resources } };
    }
    const [, , , collection = '', name, sub] = route.exec(path) ?? [];
    if (collection === '') return refusal(404, 'the server could not find the requested resource');
    if (this.forbidden.has(`${method} ${collection}`))
      return refusal(403, `${collection} is forbidden: User "me" cannot do that`);
    if (sub === 'eviction') return this.#evict(asked);
    if (method === 'GET' && name === undefined) return this.#list(path, collection, query);
    if (method === 'POST') {
      const at = `${path}/${document.parse(body).metadata.name}`;
      if (this.objects.has(at)) return refusal(409, `${at} already exists`);
      return { status: 201, body: isDry(asked) ? body : this.put(at, document.parse(body)) };
    }
    const found = this.objects.get(path);
    if (found === undefined) return refusal(404, `${collection} "${name}" not found`);
    if (method === 'GET') return { status: 200, body: found };
    if (method === 'PUT') return { status: 200, body: isDry(asked) ? body : this.put(path, document.parse(body)) };
    if (method === 'DELETE') return this.#delete(asked, found);
    if (asked.type !== 'application/merge-patch+json') return refusal(415, `unexpected type ${asked.type}`);
    const patched = document.parse(merged(found, body));
    if (patched.metadata.resourceVersion !== found.metadata.resourceVersion)
      return refusal(
        409,
        'the object has been modified; please apply your changes to the latest version and try again',
      );
    return { status: 200, body: isDry(asked) ? patched : this.put(path, patched) };
  }

  #list(path: string, collection: string, query: URLSearchParams): Answer {
    const [, base = '', namespace] = route.exec(path) ?? [];
    const node = /^spec\.nodeName=(.*)$/.exec(query.get('fieldSelector') ?? '')?.[1];
    const items = [...this.objects].flatMap(([at, object]) => {
      const [, group, of, kind] = route.exec(at) ?? [];
      const fits = group === base && kind === collection && (namespace === undefined || of === namespace);
      return fits && (node === undefined || Object(object['spec']).nodeName === node) ? [object] : [];
    });
    return { status: 200, body: { kind: 'List', metadata: { resourceVersion: String(this.#version) }, items } };
  }

  #delete(asked: Asked, found: Document): Answer {
    const options = z
      .object({ preconditions: z.object({ uid: z.string() }).optional() })
      .default({})
      .parse(asked.body);
    const { uid = found.metadata.uid } = options.preconditions ?? {};
    if (uid !== found.metadata.uid)
      return refusal(409, `the UID in the precondition (${uid}) does not match the UID in record`);
    if (!isDry(asked)) this.objects.delete(asked.path);
    return { status: 200, body: found };
  }

  #evict(asked: Asked): Answer {
    const eviction = z
      .object({ apiVersion: z.literal('policy/v1'), kind: z.literal('Eviction'), deleteOptions: z.unknown() })
      .parse(asked.body);
    const path = asked.path.replace(/\/eviction$/, '');
    const found = this.objects.get(path);
    if (found === undefined) return refusal(404, 'pods not found');
    const budget = this.budgets.find(({ label: [key, value] }) => found.metadata.labels?.[key] === value);
    if (budget !== undefined && budget.allowed < 1)
      return refusal(429, "Cannot evict pod as it would violate the pod's disruption budget.");
    const answer = this.#delete({ ...asked, path, body: eviction.deleteOptions }, found);
    if (budget !== undefined && answer.status === 200 && !isDry(asked)) budget.allowed -= 1;
    return answer.status === 200 ? { status: 201, body: { kind: 'Status', status: 'Success' } } : answer;
  }
}

function isDry({ query, body }: Asked): boolean {
  const options = Object(Object(body).deleteOptions ?? body);
  return query.get('dryRun') === 'All' || options.dryRun?.[0] === 'All';
}

export function refusal(code: number, message: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status: code, headers, body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', message, code } };
}

/** RFC 7396. */
function merged(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result = { ...Object(target) };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merged(result[key], value);
  }
  return result;
}
