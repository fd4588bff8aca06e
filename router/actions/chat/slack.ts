import * as z from 'zod';
import { httpUrl } from '../../clients/http-settings.ts';
import { cut } from '../../clients/visible.ts';
import { type ChatCall, plainHtml, type Said } from './said.ts';

/** An incoming webhook. Slack has marked one as gone, or the channel as archived, by a status of 4xx. */
export const slackSettings = z.strictObject({ service: z.literal('slack'), url: httpUrl });

/** Limits of Block Kit: header 150, section 3,000, ten fields of 2,000. Plain text: nothing in it is a mark. */
export function slackCall(
  { title, text, fields, link, buttons }: Said,
  { url }: z.output<typeof slackSettings>,
): ChatCall {
  const plain = (words: string, most: number) => ({ type: 'plain_text', text: cut(words, most), emoji: false });
  const elements = [
    ...buttons.map(({ text: words, action, value, isGrave }) => ({
      type: 'button',
      text: plain(words, 75),
      action_id: action,
      value,
      ...(isGrave ? { style: 'danger' } : {}),
    })),
    ...(link === undefined ? [] : [{ type: 'button', text: plain('Open', 75), url: link }]),
  ];
  const blocks = [
    { type: 'header', text: plain(title, 150) },
    ...(text === '' ? [] : [{ type: 'section', text: plain(text, 3_000) }]),
    ...(fields.length === 0
      ? []
      : [{ type: 'section', fields: fields.slice(0, 10).map(([name, value]) => plain(`${name}\n${value}`, 2_000)) }]),
    ...(elements.length === 0 ? [] : [{ type: 'actions', elements }]),
  ];
  // What a notification shows; there, <!channel> would call everybody.
  const fallback = cut(plainHtml(title), 3_000);
  return {
    url: new URL(url),
    body: JSON.stringify({ text: fallback, blocks }),
    isTaken: ({ status }) => status === 200,
  };
}
