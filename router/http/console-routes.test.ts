import { readFileSync } from 'node:fs';
import { parseSync } from 'oxc-parser';
import { describe, expect, it } from 'vitest';
import { consoleRoutes } from './console-routes.ts';

const app = consoleRoutes();
const page = readFileSync(new URL('../console/page/index.html', import.meta.url), 'utf8');

describe('console routes', () => {
  it('serve the page under a policy that allows our own files only', async () => {
    const response = await app.request('/');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const policy = response.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
  });

  it('serve everything that the page and its modules name', async () => {
    const named = [...page.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, path = '']) => path);
    const modules = await (await app.request('/console/console.js')).text();
    const imported = [...modules.matchAll(/^import .* from '\.\/([^']+)'/gm)].map(([, name]) => `/console/${name}`);
    expect([named.length, imported.length]).toEqual([3, 4]);
    for (const path of [...named, ...imported]) expect((await app.request(path)).status, path).toBe(200);
  });

  it.for(['console', 'event-stream', 'people', 'rows'])('serve %s as JavaScript', async (name) => {
    const script = await (await app.request(`/console/${name}.js`)).text();
    const { program, errors } = parseSync(`${name}.js`, script);
    expect(errors).toEqual([]);
    expect(program.body.length).toBeGreaterThan(3);
    expect(script).not.toMatch(/from '[^']*\.ts'/);
  });

  it('hold neither inline script nor inline style', () => {
    expect(page).not.toMatch(/<script(?![^>]* src=)|<style|\son\w+=|\sstyle=|javascript:/i);
  });

  it.for([
    '/console/tsconfig.json',
    '/console/console.ts',
    '/console/../../token',
    '/console/%2e%2e/app.ts',
    '/index.html',
  ])('do not serve %s', async (path) => {
    expect((await app.request(path)).status).toBe(404);
  });
});
