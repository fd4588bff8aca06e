import { describe, expect, it } from 'vitest';
import { formatAddress, isInNetwork, isSameAddress, parseAddress, parseNetwork } from './address.ts';

const address = (text: string): Uint8Array => {
  const bytes = parseAddress(text);
  if (bytes === undefined) throw new Error(`${text} is no address`);
  return bytes;
};

describe('parseAddress', () => {
  it.for([
    { text: '10.0.0.1', shown: '10.0.0.1' },
    { text: '255.255.255.255', shown: '255.255.255.255' },
    { text: '::', shown: '::' },
    { text: '::1', shown: '::1' },
    { text: '1::', shown: '1::' },
    { text: '2001:DB8:0:0:1:0:0:1', shown: '2001:db8::1:0:0:1' },
    { text: '1:0:2:3:4:5:6:7', shown: '1:0:2:3:4:5:6:7' },
    { text: 'fe80:0000:0000:0000:0000:0000:0000:0001', shown: 'fe80::1' },
  ])('reads $text', ({ text, shown }) => {
    expect(formatAddress(address(text))).toBe(shown);
  });

  it.for([
    '',
    '10.0.0',
    '10.0.0.0.1',
    '10.0.0.256',
    '10.0.0.01',
    '10.0.0.-1',
    '10.0.0.1 ',
    '0x0a.0.0.1',
    'localhost',
    ':',
    ':::',
    '1:2',
    '1::2::3',
    '::12345',
    '::g',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7::8',
    '::ffff:10.0.0.1',
    '::1%eth0',
    '10.0.0.1/8',
  ])('refuses "%s"', (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });

  it('tells families apart', () => {
    expect(isSameAddress(address('0.0.0.1'), address('::1'))).toBe(false);
    expect(isSameAddress(address('::1'), address('0:0::1'))).toBe(true);
  });
});

describe('parseNetwork', () => {
  it.for([
    {
      network: '10.0.0.0/8',
      inside: ['10.0.0.0', '10.255.255.255'],
      outside: ['11.0.0.0', '9.255.255.255', '::a00:0'],
    },
    { network: '10.1.2.3/8', inside: ['10.9.9.9'], outside: ['11.1.2.3'] },
    { network: '0.0.0.0/0', inside: ['1.2.3.4'], outside: ['::'] },
    { network: '192.168.1.7/32', inside: ['192.168.1.7'], outside: ['192.168.1.6'] },
    { network: '172.16.0.0/12', inside: ['172.31.255.255'], outside: ['172.32.0.0'] },
    { network: '2001:db8::/33', inside: ['2001:db8:7fff::1'], outside: ['2001:db8:8000::1', '1.2.3.4'] },
    { network: '::1/128', inside: ['::1'], outside: ['::2'] },
    { network: '8000::/1', inside: ['ffff::'], outside: ['7fff::'] },
  ])('$network', ({ network, inside, outside }) => {
    const read = parseNetwork(network);
    if (read === undefined) throw new Error(`${network} is no network`);
    expect(inside.filter((text) => !isInNetwork(address(text), read))).toEqual([]);
    expect(outside.filter((text) => isInNetwork(address(text), read))).toEqual([]);
  });

  it.for([
    '10.0.0.0',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/8 ',
    '/8',
    '::/0',
    '::/129',
    '10.0.0/8',
    '10.0.0.0/a',
  ])('refuses "%s"', (text) => {
    expect(parseNetwork(text)).toBeUndefined();
  });
});
