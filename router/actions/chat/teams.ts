import * as z from 'zod';
import { httpUrl } from '../../clients/http-settings.ts';
import { cut } from '../../clients/visible.ts';
import type { ChatCall, Said } from './said.ts';

/** A workflow "When a Teams webhook request is received"; its URL has the signature in it. */
export const teamsSettings = z.strictObject({ service: z.literal('teams'), url: httpUrl });

/** Below the 28 KB that Teams takes in all. */
const MOST_TEXT = 8_000;
const MOST_VALUE = 1_000;

/** Adaptive Card 1.4. Text runs, unlike text blocks and facts, are not read as Markdown. */
export function teamsCall(said: Said, { url }: z.output<typeof teamsSettings>): ChatCall {
  const { title, text, fields, link } = said;
  const run = (words: string, more: object = {}) => ({ type: 'TextRun', text: words, ...more });
  const content = {
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    type: 'AdaptiveCard',
    version: '1.4',
    body: [
      {
        type: 'RichTextBlock',
        inlines: [run(cut(title, 500), { weight: 'bolder', size: 'large', color: colorName(said) })],
      },
      ...(text === '' ? [] : [{ type: 'RichTextBlock', inlines: [run(cut(text, MOST_TEXT))] }]),
      ...fields.slice(0, 10).map(([name, value]) => ({
        type: 'RichTextBlock',
        spacing: 'small',
        inlines: [run(`${cut(name, 200)}: `, { weight: 'bolder' }), run(cut(value, MOST_VALUE))],
      })),
    ],
    ...(link === undefined ? {} : { actions: [{ type: 'Action.OpenUrl', title: 'Open', url: link }] }),
  };
  const attachments = [{ contentType: 'application/vnd.microsoft.card.adaptive', contentUrl: null, content }];
  return { url: new URL(url), body: JSON.stringify({ type: 'message', attachments }) };
}

function colorName({ priority }: Said): string {
  switch (priority) {
    case 'Emergency':
    case 'Alert':
    case 'Critical':
    case 'Error':
      return 'attention';
    case 'Warning':
      return 'warning';
    case 'Notice':
      return 'accent';
    case 'Informational':
    case 'Debug':
      return 'default';
  }
}
