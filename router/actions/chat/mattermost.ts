import * as z from 'zod';
import { httpUrl } from '../../clients/http-settings.ts';
import { cut } from '../../clients/visible.ts';
import { colorOf } from '../told.ts';
import { type ChatCall, plainMarkdown, type Said } from './said.ts';

export const mattermostSettings = z.strictObject({
  service: z.literal('mattermost'),
  url: httpUrl,
  channel: z.string().min(1).max(64).optional(),
});

/** An incoming webhook with a message attachment; a post holds 16,383 characters. */
export function mattermostCall(said: Said, { url, channel }: z.output<typeof mattermostSettings>): ChatCall {
  const { title, text, fields, link, priority } = said;
  const attachment = {
    fallback: cut(plainMarkdown(title), 500),
    color: colorOf(priority),
    title: cut(plainMarkdown(title), 500),
    text: cut(plainMarkdown(text), 6_000),
    fields: fields.slice(0, 10).map(([name, value]) => ({
      title: cut(plainMarkdown(name), 200),
      value: cut(plainMarkdown(value), 500),
      short: value.length < 40,
    })),
    ...(link === undefined ? {} : { title_link: link }),
  };
  const body = { ...(channel === undefined ? {} : { channel }), username: 'Lanner', attachments: [attachment] };
  return { url: new URL(url), body: JSON.stringify(body), isTaken: ({ status }) => status === 200 };
}
