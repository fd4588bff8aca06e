import * as z from 'zod';
import { httpUrl } from '../../clients/http-settings.ts';
import { secondsToWait } from '../../clients/retry-after.ts';
import { cut } from '../../clients/visible.ts';
import { answerPart } from '../post.ts';
import type { ChatCall, Said } from './said.ts';

/** The Bot API. */
export const telegramSettings = z.strictObject({
  service: z.literal('telegram'),
  token: z.string().min(1),
  chat_id: z.union([z.string().min(1), z.int()]),
  url: httpUrl.default('https://api.telegram.org'),
});

/** A message holds 4,096 characters; without a parse mode nothing in it is a mark. */
export function telegramCall(said: Said, { token, chat_id, url }: z.output<typeof telegramSettings>): ChatCall {
  const { title, text, fields, link } = said;
  const lines = [title, text, ...fields.map(([name, value]) => `${name}: ${cut(value, 300)}`)];
  const shown = cut(lines.filter((line) => line !== '').join('\n'), 4_096);
  const body = {
    chat_id,
    text: shown,
    link_preview_options: { is_disabled: true },
    ...(link === undefined ? {} : { reply_markup: { inline_keyboard: [[{ text: 'Open', url: link }]] } }),
  };
  return {
    url: new URL(`/bot${token}/sendMessage`, url),
    body: JSON.stringify(body),
    // An answer that breaks off says nothing against it.
    isTaken: (answer) => answer.status === 200 && answerPart(answer, 'ok') !== false,
    wait: (answer) => secondsToWait(answerPart(answer, 'parameters', 'retry_after')),
  };
}
