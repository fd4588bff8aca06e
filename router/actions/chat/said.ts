import type { Priority } from '#rules/alert';
import type { Asked } from '../../runs/outward.ts';
import type { Call } from '../post.ts';

/** What a chat is told, in words that are ready to be shown; each service makes its own form of it. */
export type Said = {
  readonly title: string;
  readonly text: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly link: string | undefined;
  readonly priority: Priority;
  /** Buttons that the service answers by itself, where it has such: what is said, what is done, and by what it is known. */
  readonly buttons: readonly Button[];
  /** What belongs to one thread, where the service has threads. */
  readonly thread: string;
};

/** `action`: as it comes back (`router/http/slack-hook.ts`). */
export type Button = {
  readonly text: string;
  readonly action: string;
  readonly value: string;
  readonly isGrave: boolean;
};

const words = {
  approval: [
    { text: 'Approve', action: 'lanner_approve', isGrave: false },
    { text: 'Deny', action: 'lanner_deny', isGrave: true },
  ],
  page: [
    { text: 'Acknowledge', action: 'lanner_acknowledge', isGrave: false },
    { text: 'Resolve', action: 'lanner_resolve', isGrave: false },
  ],
} as const;

export function buttonsOf(asked: Asked | undefined): readonly Button[] {
  const { token } = asked ?? {};
  return asked === undefined || token === undefined ? [] : words[asked.kind].map((one) => ({ ...one, value: token }));
}

export type ChatCall = Call;

/** Marks that Markdown reads something into are put behind a backslash, and nobody is called by `@`. */
export function plainMarkdown(text: string): string {
  return text.replace(/[\\`*_[\]()<>#|~:]/g, '\\$&').replaceAll('@', '@\u200b');
}

export function plainHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
