import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { docker, image } from './docker.ts';

/** A registry on loopback, which dockerd trusts without TLS, with one image. */
export type Registry = {
  /** As it is pulled, and its digest. */
  readonly reference: string;
  readonly digest: string;
  close(): void;
};

const savedSchema = z.tuple([z.object({ Config: z.string(), Layers: z.array(z.string()) })]);
const manifestType = 'application/vnd.docker.distribution.manifest.v2+json';

const digestOf = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** Answers as the registry's HTTP API V2 is documented, as far as a pull asks. */
export async function startRegistry(): Promise<Registry> {
  const folder = mkdtempSync(join(tmpdir(), 'lanner-registry-'));
  const blobs = new Map<string, Buffer>();
  const add = (mediaType: string, path: string) => {
    const bytes = readFileSync(join(folder, path));
    blobs.set(digestOf(bytes), bytes);
    return { mediaType, size: bytes.length, digest: digestOf(bytes) };
  };
  await docker('save', '-o', join(folder, 'image.tar'), image);
  execFileSync('tar', ['-C', folder, '-xf', join(folder, 'image.tar')]);
  const [saved] = savedSchema.parse(JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')));
  const config = add('application/vnd.docker.container.image.v1+json', saved.Config);
  const layers = saved.Layers.map((path) => add('application/vnd.docker.image.rootfs.diff.tar', path));
  const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: manifestType, config, layers }));
  rmSync(folder, { recursive: true });
  const server = createServer((request, response) => {
    const [, kind, name = ''] = /^\/v2\/lanner-pulled\/(manifests|blobs)\/(.+)$/.exec(request.url ?? '') ?? [];
    const found = kind === 'manifests' ? manifest : blobs.get(name);
    if (request.url === '/v2/') response.end('{}');
    else if (found === undefined) response.writeHead(404).end();
    else {
      const type = kind === 'manifests' ? manifestType : 'application/octet-stream';
      const headers = { 'content-type': type, 'content-length': found.length };
      response.writeHead(200, { ...headers, 'docker-content-digest': digestOf(found) });
      response.end(request.method === 'HEAD' ? undefined : found);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it listens on a port');
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { reference: `127.0.0.1:${address.port}/lanner-pulled:1`, digest: digestOf(manifest), close };
}
