import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';

/** `moduleLoadList` names Node's own modules that were run so far. */
const script = `
  await import(${JSON.stringify(new URL('agent.ts', import.meta.url).href)});
  console.log(JSON.stringify(process.moduleLoadList));
`;

it('HTTP and TLS, 14 MB of an agent, are loaded when somebody needs them', () => {
  const loaded: unknown = JSON.parse(
    execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }),
  );
  expect(loaded).toContain('NativeModule fs');
  const large = ['http', 'https', 'http2', 'tls', 'internal/deps/undici/undici'].map((name) => `NativeModule ${name}`);
  expect(large.filter((name) => Array.isArray(loaded) && loaded.includes(name))).toEqual([]);
});
