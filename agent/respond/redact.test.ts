import { describe, expect, it } from 'vitest';
import { redactArguments, redactEnvironment } from './redact.ts';

describe('what evidence does not show', () => {
  it.for([
    { word: 'PATH=/bin', shown: 'PATH=/bin' },
    { word: 'DB_PASSWORD=hunter2', shown: 'DB_PASSWORD=***' },
    { word: 'aws_secret_access_key=x', shown: 'aws_secret_access_key=***' },
    { word: 'GITHUB_TOKEN=a=b', shown: 'GITHUB_TOKEN=***' },
    { word: 'PROXY=http://ann:hunter2@proxy:3128', shown: 'PROXY=http://ann:***@proxy:3128' },
    { word: 'odd', shown: 'odd' },
  ])('$word', ({ word, shown }) => expect(redactEnvironment([word])).toEqual([shown]));

  it('are secrets among arguments', () => {
    const words = ['app', '--password=x', '--token', 'y', '-v', 'redis://:z@host/0', '--port', '80'];
    expect(redactArguments(words)).toEqual([
      'app',
      '--password=***',
      '--token',
      '***',
      '-v',
      'redis://:***@host/0',
      '--port',
      '80',
    ]);
  });
});
