import * as z from 'zod';
import { httpUrl } from '../clients/http-settings.ts';
import { visibleLine, visibleText } from '../clients/visible.ts';
import { defineOutward, destinationName } from '../runs/outward.ts';
import { discordCall, discordSettings } from './chat/discord.ts';
import { googleChatCall, googleChatSettings } from './chat/google-chat.ts';
import { mattermostCall, mattermostSettings } from './chat/mattermost.ts';
import { buttonsOf, type ChatCall, type Said } from './chat/said.ts';
import { slackCall, slackSettings } from './chat/slack.ts';
import { teamsCall, teamsSettings } from './chat/teams.ts';
import { telegramCall, telegramSettings } from './chat/telegram.ts';
import { keyFor } from './page/paged.ts';
import { post } from './post.ts';
import { tellOf } from './told.ts';

const settings = z.discriminatedUnion('service', [
  slackSettings,
  teamsSettings,
  discordSettings,
  mattermostSettings,
  googleChatSettings,
  telegramSettings,
]);

export const chat = defineOutward({
  name: 'chat',
  doc: 'Writes to a chat: Slack, Teams, Discord, Mattermost, Google Chat, Telegram. Without `text`, the output of the alert. Nothing that an event brings along is read as a mark, a link or a mention.',
  params: z.strictObject({
    via: destinationName,
    title: z.string().min(1).max(65_536).optional(),
    text: z.string().max(262_144).optional(),
    fields: z.record(z.string().min(1).max(256), z.union([z.string(), z.number(), z.boolean()])).optional(),
    link: httpUrl.optional(),
  }),
  settings,
  test: {},
  async send({ title, text, fields, link }, configured, context) {
    const { alert } = context;
    const told = tellOf(alert);
    const own = Object.entries(fields ?? {}).map(
      ([name, value]) => [visibleLine(name), visibleLine(String(value))] as const,
    );
    const said: Said = {
      title: title === undefined ? told.title : visibleLine(title),
      text: visibleText(text ?? alert.output),
      fields: (fields === undefined ? told.fields : own).filter(([, value]) => value !== ''),
      link: context.asked?.url ?? link,
      buttons: buttonsOf(context.asked),
      priority: alert.priority,
      thread: keyFor(alert),
    };
    return post(callOf(said, configured), context);
  },
});

function callOf(said: Said, configured: z.output<typeof settings>): ChatCall {
  switch (configured.service) {
    case 'slack':
      return slackCall(said, configured);
    case 'teams':
      return teamsCall(said, configured);
    case 'discord':
      return discordCall(said, configured);
    case 'mattermost':
      return mattermostCall(said, configured);
    case 'google-chat':
      return googleChatCall(said, configured);
    case 'telegram':
      return telegramCall(said, configured);
  }
}
