import type { Agent } from 'node:http';
import { builtin } from '#rules/cli/builtin';
import { readInspect } from './docker-inspect.ts';
import type { Control, Engine } from './engine.ts';

/** An answer beyond this is no container's description. */
const MOST_ANSWER_BYTES = 4 * 1024 * 1024;

type Method = 'GET' | 'POST' | 'DELETE';

/** Docker's HTTP API, v1.24 and later; podman's service has the same. */
const controls: Readonly<Record<Control, (id: string, graceS: number) => readonly [Method, string]>> = {
  kill: (id) => ['POST', `/containers/${id}/kill?signal=KILL`],
  stop: (id, graceS) => ['POST', `/containers/${id}/stop?t=${graceS}`],
  pause: (id) => ['POST', `/containers/${id}/pause`],
  unpause: (id) => ['POST', `/containers/${id}/unpause`],
  remove: (id) => ['DELETE', `/containers/${id}?force=true`],
};

/** dockerd, or podman's service: Docker's HTTP API. */
export function openDocker(name: 'docker' | 'podman', socket: string): Engine {
  const agent = new builtin.http.Agent({ keepAlive: true, maxSockets: 4, maxFreeSockets: 1 });
  const ask = (method: Method, path: string, timeoutMs: number) =>
    askEngine({ agent, socket, method, path, timeoutMs });
  return {
    name,
    socket,
    async inspect({ id }, timeoutMs) {
      const answer = await ask('GET', `/containers/${encodeURIComponent(id)}/json`, timeoutMs);
      if (answer.status === 404) return { status: 'unknown' };
      if (answer.status !== 200) return { status: 'failed', reason: answer.reason };
      const details = readInspect(answer.json);
      return details === undefined
        ? { status: 'failed', reason: 'the engine answered in an unknown form' }
        : { status: 'found', engine: name, details };
    },
    async control(control, { id }, { timeoutMs, graceS = 0 }) {
      const answer = await ask(...controls[control](encodeURIComponent(id), graceS), timeoutMs);
      if (answer.status === 204 || answer.status === 200) return { status: 'done' };
      if (answer.status === 404) return { status: 'unknown' };
      // "Container … is not running", "… is already paused"; 304: it has ended already.
      if (answer.status === 409 || answer.status === 304) return { status: 'not_running' };
      return { status: 'failed', reason: answer.reason };
    },
    close: () => agent.destroy(),
  };
}

type Question = {
  readonly agent: Agent;
  readonly socket: string;
  readonly method: Method;
  readonly path: string;
  readonly timeoutMs: number;
};

/** `status` 0: no answer, for the reason given. */
function askEngine({
  agent,
  socket,
  method,
  path,
  timeoutMs,
}: Question): Promise<{ status: number; reason: string; json: unknown }> {
  return new Promise((resolve) => {
    const fail = (reason: string) => resolve({ status: 0, reason, json: undefined });
    const asked = builtin.http.request(
      {
        agent,
        socketPath: socket,
        method,
        path,
        headers: { host: 'localhost' },
        signal: AbortSignal.timeout(timeoutMs),
      },
      (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > MOST_ANSWER_BYTES) response.destroy(new Error('answer too long'));
          else chunks.push(chunk);
        });
        response.on('error', (error) => fail(error.message));
        response.on('end', () => {
          const status = response.statusCode ?? 0;
          const text = Buffer.concat(chunks).toString();
          try {
            resolve({ status, reason: `HTTP ${status}`, json: text === '' ? undefined : JSON.parse(text) });
          } catch {
            // Only the status counts then: errors of proxies in between are not always JSON.
            resolve({ status, reason: `HTTP ${status}, not JSON`, json: undefined });
          }
        });
      },
    );
    asked.on('error', (error) =>
      fail(error.name === 'TimeoutError' ? `no answer within ${timeoutMs} ms` : error.message),
    );
    asked.end();
  });
}
