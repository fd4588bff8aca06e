import * as z from 'zod';
import { httpUrl } from '../../clients/http-settings.ts';
import { cut } from '../../clients/visible.ts';
import { type ChatCall, plainHtml, type Said } from './said.ts';

export const googleChatSettings = z.strictObject({ service: z.literal('google-chat'), url: httpUrl });

/** A message holds 32,000 bytes. Texts of a card are a small HTML. */
export function googleChatCall(said: Said, { url }: z.output<typeof googleChatSettings>): ChatCall {
  const { title, text, fields, link, thread } = said;
  const widgets = [
    ...(text === '' ? [] : [{ textParagraph: { text: plainHtml(cut(text, 2_000)) } }]),
    ...fields.slice(0, 8).map(([name, value]) => ({
      decoratedText: { topLabel: cut(name, 100), text: plainHtml(cut(value, 250)), wrapText: true },
    })),
    ...(link === undefined
      ? []
      : [{ buttonList: { buttons: [{ text: 'Open', onClick: { openLink: { url: link } } }] } }]),
  ];
  const target = new URL(url);
  target.searchParams.set('messageReplyOption', 'REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD');
  const card = { header: { title: cut(title, 200) }, ...(widgets.length === 0 ? {} : { sections: [{ widgets }] }) };
  return {
    url: target,
    body: JSON.stringify({ cardsV2: [{ cardId: 'alert', card }], thread: { threadKey: thread } }),
    isTaken: ({ status }) => status === 200,
  };
}
