import { expect, it } from 'vitest';
import { readInspect } from './docker-inspect.ts';

it.for([
  { test: ['CMD-SHELL', 'curl -f localhost'], expected: '/bin/sh -c curl -f localhost' },
  { test: ['CMD', 'curl', 'localhost'], expected: 'curl localhost' },
  { test: ['curl', 'localhost'], expected: 'curl localhost' },
  { test: ['CMD'], expected: undefined },
  { test: ['NONE'], expected: undefined },
  { test: [''], expected: undefined },
  { test: [], expected: undefined },
  { test: undefined, expected: undefined },
])('the health check $test is run as $expected', ({ test, expected }) => {
  const answer = { Id: 'ab', Config: { Healthcheck: { Test: test } }, HostConfig: {} };
  expect(readInspect(answer)?.probes.health).toBe(expected);
});
