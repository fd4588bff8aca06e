import { request } from 'node:https';
import { WebSocket } from 'ws';
import * as z from 'zod';

export type Answer = { readonly status: number; readonly json: unknown };

/** How one account reaches the API server. */
export type KubeClient = {
  /** Whatever the answer is. A body that is text is YAML. */
  ask(method: string, path: string, body?: unknown): Promise<Answer>;
  /** Asks and fails on every answer that is no success. */
  must(method: string, path: string, body?: unknown): Promise<unknown>;
  /** What `kubectl exec` does, over the WebSocket that the API documents; gives what the program printed. */
  exec(namespace: string, pod: string, command: readonly string[], kind?: 'tty' | 'plain'): Promise<string>;
};

const TIMEOUT_MS = 20_000;

export function openKubeClient(url: URL, ca: () => string, token: string): KubeClient {
  const headers = { authorization: `Bearer ${token}` };
  const ask: KubeClient['ask'] = (method, path, body) =>
    new Promise((resolve, reject) => {
      const plain = typeof body === 'string' ? 'application/yaml' : 'application/json';
      const type = { 'content-type': method === 'PATCH' ? 'application/merge-patch+json' : plain };
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      const asked = request(new URL(path, url), {
        method,
        ca: ca(),
        signal,
        headers: { ...headers, ...type, accept: 'application/json' },
      });
      asked.on('error', reject);
      asked.on('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const isJson = response.headers['content-type']?.startsWith('application/json') === true;
          resolve({ status: response.statusCode ?? 0, json: isJson ? JSON.parse(text) : text });
        });
      });
      asked.end(body === undefined || typeof body === 'string' ? body : JSON.stringify(body));
    });
  return {
    ask,
    async must(method, path, body) {
      const { status, json } = await ask(method, path, body);
      if (status >= 200 && status < 300) return json;
      throw new Error(`${method} ${path}: ${status} ${JSON.stringify(json)}`);
    },
    exec: (namespace, pod, command, kind = 'plain') =>
      new Promise((resolve, reject) => {
        const query = new URLSearchParams({ stdout: '1', ...(kind === 'tty' && { tty: '1', stdin: '1' }) });
        for (const word of command) query.append('command', word);
        const path = `/api/v1/namespaces/${namespace}/pods/${pod}/exec?${query}`;
        const socket = new WebSocket(new URL(path, url), ['v4.channel.k8s.io'], {
          ca: ca(),
          headers,
          handshakeTimeout: TIMEOUT_MS,
        });
        let printed = '';
        let failure: string | undefined;
        // The first byte is the channel: 1 is what it printed, 3 how it ended.
        socket.on('message', (data: Buffer) => {
          const text = data.subarray(1).toString();
          if (data[0] === 1) printed += text;
          if (data[0] === 3 && endSchema.parse(JSON.parse(text)).status !== 'Success') failure = text;
        });
        socket.on('error', reject);
        socket.on('close', () => (failure === undefined ? resolve(printed) : reject(new Error(failure))));
      }),
  };
}

const endSchema = z.object({ status: z.string() });
