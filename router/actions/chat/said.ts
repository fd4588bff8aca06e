import type { Priority } from '#rules/alert';
import type { Call } from '../post.ts';

/** What a chat is told, in words that are ready to be shown; each service makes its own form of it. */
export type Said = {
  readonly title: string;
  readonly text: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly link: string | undefined;
  readonly priority: Priority;
  /** What belongs to one thread, where the service has threads. */
  readonly thread: string;
};

export type ChatCall = Call;

/** Marks that Markdown reads something into are put behind a backslash, and nobody is called by `@`. */
export function plainMarkdown(text: string): string {
  return text.replace(/[\\`*_[\]()<>#|~:]/g, '\\$&').replaceAll('@', '@\u200b');
}

export function plainHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
