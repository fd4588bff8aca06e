import * as z from 'zod';
import { httpUrl } from '../../clients/http-settings.ts';
import { secondsToWait } from '../../clients/retry-after.ts';
import { cut } from '../../clients/visible.ts';
import { answerPart } from '../post.ts';
import { colorOf } from '../told.ts';
import { type ChatCall, plainMarkdown, type Said } from './said.ts';

export const discordSettings = z.strictObject({ service: z.literal('discord'), url: httpUrl });

/** An embed holds 6,000 characters in all: title 256, description 4,096, 25 fields of 256 and 1,024. */
export function discordCall(said: Said, { url }: z.output<typeof discordSettings>): ChatCall {
  const { title, text, fields, link, priority } = said;
  const embed = {
    title: cut(plainMarkdown(title), 256),
    description: cut(plainMarkdown(text), 2_500),
    color: Number.parseInt(colorOf(priority).slice(1), 16),
    fields: fields.slice(0, 8).map(([name, value]) => ({
      name: cut(plainMarkdown(name), 80),
      value: cut(plainMarkdown(value), 300),
      inline: value.length < 40,
    })),
    ...(link === undefined ? {} : { url: link }),
  };
  return {
    url: new URL(url),
    body: JSON.stringify({ embeds: [embed], allowed_mentions: { parse: [] } }),
    wait: (answer) => secondsToWait(answerPart(answer, 'retry_after')),
  };
}
