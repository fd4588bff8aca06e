import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { Hono } from 'hono';

const folder = new URL('../console/page/', import.meta.url);

/** The page and what it loads; nothing else of the folder is served. */
const files = {
  '/': { name: 'index.html', type: 'text/html; charset=utf-8' },
  '/console/console.js': { name: 'console.ts', type: 'text/javascript; charset=utf-8' },
  '/console/event-stream.js': { name: 'event-stream.ts', type: 'text/javascript; charset=utf-8' },
  '/console/people.js': { name: 'people.ts', type: 'text/javascript; charset=utf-8' },
  '/console/read-json.js': { name: 'read-json.ts', type: 'text/javascript; charset=utf-8' },
  '/console/rows.js': { name: 'rows.ts', type: 'text/javascript; charset=utf-8' },
  '/console/console.css': { name: 'console.css', type: 'text/css; charset=utf-8' },
  '/console/icon.svg': { name: 'icon.svg', type: 'image/svg+xml' },
} as const satisfies Record<string, { readonly name: string; readonly type: string }>;

/** Only our own files, no inline script, no markup made of text, and nobody may frame the page. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const headers = {
  'Content-Security-Policy': policy,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-cache',
};

/** `GET /`: the console. It holds no secret, so it needs no token; what it shows comes from the API, which does. */
export function consoleRoutes(): Hono {
  const app = new Hono();
  for (const [path, { name, type }] of Object.entries(files)) {
    // Read when first asked for: the router starts sooner without the type stripper.
    let body: string | undefined;
    app.get(path, (context) => {
      body ??= readPage(name);
      return context.body(body, 200, { ...headers, 'Content-Type': type });
    });
  }
  return app;
}

function readPage(name: string): string {
  const text = readFileSync(new URL(name, folder), 'utf8');
  return name.endsWith('.ts') ? toJavaScript(text) : text;
}

/** As Node does with every other file of ours; imports name the .ts file there and the .js address in a browser. */
function toJavaScript(text: string): string {
  const { emitWarning } = process;
  // Node 24 calls the function experimental, though not what it does. Nobody at a terminal can do anything about that.
  process.emitWarning = () => undefined;
  try {
    return stripTypeScriptTypes(text).replace(/(from '\.\/[a-z-]+)\.ts'/g, "$1.js'");
  } finally {
    process.emitWarning = emitWarning;
  }
}
