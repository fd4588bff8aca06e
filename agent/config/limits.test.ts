import { expect, it } from 'vitest';
import { cpuLimit, listenAddress } from './limits.ts';

it.for([
  ['10%', 0.1],
  ['2.5%', 0.025],
  ['150%', 1.5],
  ['10', undefined],
  ['0%', undefined],
  ['-5%', undefined],
  ['7000%', undefined],
] as const)('cpu_limit %s is %s of a core', ([text, share]) => {
  expect(cpuLimit.safeParse(text).data).toBe(share);
});

it.for([
  ['127.0.0.1:9475', { host: '127.0.0.1', port: 9475 }],
  ['[::1]:1', { host: '::1', port: 1 }],
  ['localhost:0', { host: 'localhost', port: 0 }],
  ['9475', undefined],
  ['127.0.0.1', undefined],
  ['::1:9475', undefined],
  ['a:70000', undefined],
] as const)('metrics_listen %s', ([text, address]) => {
  expect(listenAddress.safeParse(text).data).toEqual(address);
});
