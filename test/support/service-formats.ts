import * as z from 'zod';

/** What the documentation of each service says that a request must look like; more keys than these are wrong. */
const text = (most: number) => z.string().min(1).max(most);
const plain = (most: number) =>
  z.strictObject({ type: z.literal('plain_text'), text: text(most), emoji: z.literal(false) });

const pagerdutyHead = {
  routing_key: text(64),
  dedup_key: text(255),
};

const pagerduty = z.discriminatedUnion('event_action', [
  z.strictObject({
    ...pagerdutyHead,
    event_action: z.literal('trigger'),
    payload: z.strictObject({
      summary: text(1_024),
      source: text(1_024),
      severity: z.enum(['critical', 'error', 'warning', 'info']),
      timestamp: z.iso.datetime({ offset: true }),
      component: text(1_024),
      class: text(1_024),
      custom_details: z.record(z.string(), z.unknown()),
    }),
    client: z.string(),
    client_url: z.url().optional(),
    links: z.array(z.strictObject({ href: z.url(), text: z.string() })).optional(),
  }),
  z.strictObject({ ...pagerdutyHead, event_action: z.enum(['acknowledge', 'resolve']) }),
]);

const opsgenie = z.union([
  z.strictObject({
    message: text(130),
    alias: text(512),
    description: z.string().max(15_000),
    responders: z.array(z.looseObject({ type: z.string() })).max(50),
    tags: z.array(text(50)).max(20),
    details: z.record(z.string(), z.string()),
    entity: text(512),
    source: text(100),
    priority: z.enum(['P1', 'P2', 'P3', 'P4', 'P5']),
  }),
  z.strictObject({ source: text(100), note: text(25_000) }),
]);

const oncall = z.strictObject({
  alert_uid: text(10_000),
  title: text(100_000),
  state: z.enum(['ok', 'alerting']),
  message: z.string(),
  link_to_upstream_details: z.url().optional(),
  severity: z.string(),
  details: z.record(z.string(), z.string()),
});

const alertmanager = z
  .array(
    z.strictObject({
      labels: z
        .record(z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/), text(10_000))
        .refine((labels) => 'alertname' in labels),
      annotations: z.record(z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/), z.string()),
      startsAt: z.iso.datetime().optional(),
      endsAt: z.iso.datetime(),
      generatorURL: z.url().optional(),
    }),
  )
  .length(1);

const slack = z.strictObject({
  // `<` begins a mention or a link there.
  text: text(40_000).regex(/^[^<>]*$/),
  blocks: z
    .array(
      z.union([
        z.strictObject({ type: z.literal('header'), text: plain(150) }),
        z.strictObject({ type: z.literal('section'), text: plain(3_000) }),
        z.strictObject({ type: z.literal('section'), fields: z.array(plain(2_000)).min(1).max(10) }),
        z.strictObject({
          type: z.literal('actions'),
          elements: z.array(z.strictObject({ type: z.literal('button'), text: plain(75), url: z.url().max(3_000) })),
        }),
      ]),
    )
    .max(50),
});

const teamsRun = z.looseObject({ type: z.literal('TextRun'), text: z.string().min(1) });
const teams = z.strictObject({
  type: z.literal('message'),
  attachments: z
    .array(
      z.strictObject({
        contentType: z.literal('application/vnd.microsoft.card.adaptive'),
        contentUrl: z.null(),
        content: z.strictObject({
          $schema: z.url(),
          type: z.literal('AdaptiveCard'),
          version: z.literal('1.4'),
          // No text block: it would be read as Markdown.
          body: z.array(z.looseObject({ type: z.literal('RichTextBlock'), inlines: z.array(teamsRun) })),
          actions: z
            .array(z.strictObject({ type: z.literal('Action.OpenUrl'), title: z.string(), url: z.url() }))
            .optional(),
        }),
      }),
    )
    .length(1),
});

const discord = z
  .strictObject({
    embeds: z
      .array(
        z.strictObject({
          title: text(256),
          description: z.string().max(4_096),
          color: z.int().min(0).max(0xff_ff_ff),
          fields: z.array(z.strictObject({ name: text(256), value: text(1_024), inline: z.boolean() })).max(25),
          url: z.url().optional(),
        }),
      )
      .length(1),
    allowed_mentions: z.strictObject({ parse: z.array(z.never()) }),
  })
  .refine(
    ({ embeds }) =>
      JSON.stringify(embeds.map(({ fields, title, description }) => [fields, title, description])).length < 24_000,
  )
  .refine(
    ({ embeds: [embed] }) =>
      (embed?.fields ?? []).reduce(
        (sum, { name, value }) => sum + name.length + value.length,
        (embed?.title.length ?? 0) + (embed?.description.length ?? 0),
      ) <= 6_000,
    'an embed holds 6,000 characters',
  );

const mattermost = z.strictObject({
  channel: z.string().optional(),
  username: z.string(),
  attachments: z
    .array(
      z.strictObject({
        fallback: text(1_000),
        color: z.string().regex(/^#[0-9A-F]{6}$/),
        title: text(1_000),
        text: z.string().max(16_383),
        fields: z.array(z.strictObject({ title: text(1_000), value: text(2_000), short: z.boolean() })),
        title_link: z.url().optional(),
      }),
    )
    .length(1),
});

const chatHtml = z.string().regex(/^(?:[^<>&]|&(?:amp|lt|gt);)*$/);
const googleChat = z.strictObject({
  cardsV2: z
    .array(
      z.strictObject({
        cardId: z.string(),
        card: z.strictObject({
          header: z.strictObject({ title: text(1_000) }),
          sections: z
            .array(
              z.strictObject({
                widgets: z
                  .array(
                    z.union([
                      z.strictObject({ textParagraph: z.strictObject({ text: chatHtml }) }),
                      z.strictObject({
                        decoratedText: z.strictObject({ topLabel: text(100), text: chatHtml, wrapText: z.boolean() }),
                      }),
                      z.strictObject({ buttonList: z.looseObject({}) }),
                    ]),
                  )
                  .min(1),
              }),
            )
            .optional(),
        }),
      }),
    )
    .length(1),
  thread: z.strictObject({ threadKey: text(4_000) }),
});

const telegram = z.strictObject({
  chat_id: z.union([z.string(), z.int()]),
  text: text(4_096),
  link_preview_options: z.strictObject({ is_disabled: z.literal(true) }),
  reply_markup: z.looseObject({}).optional(),
});

/** Bytes that a message may have in all. */
const mostBytes: Readonly<Record<string, number>> = { teams: 28_000, 'google-chat': 32_000, pagerduty: 512_000 };

const formats: Readonly<Record<string, z.ZodType>> = {
  pagerduty,
  opsgenie,
  oncall,
  alertmanager,
  slack,
  teams,
  discord,
  mattermost,
  'google-chat': googleChat,
  telegram,
};

/** What the service would find wrong with this body; `undefined`: nothing. */
export function complaintOf(service: string, body: string): string | undefined {
  const most = mostBytes[service];
  if (most !== undefined && Buffer.byteLength(body) > most) return `more than ${most} bytes`;
  const read = formats[service]?.safeParse(JSON.parse(body));
  if (read === undefined) return `unknown service ${service}`;
  return read.success ? undefined : z.prettifyError(read.error);
}
