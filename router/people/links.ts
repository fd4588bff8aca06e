import { createHmac, timingSafeEqual } from 'node:crypto';
import * as z from 'zod';
import type { Ask } from '../runs/outward.ts';

const askSchema = z.strictObject({
  kind: z.enum(['approval', 'page']),
  id: z.string().max(64),
  way: z.string().max(64),
  person: z.string().max(64).optional(),
  untilMs: z.int(),
});

const MOST_LENGTH = 1_024;

/**
 * Links and buttons with which people answer: what they are about, signed with a key that only the routers have. They are
 * made when a message is sent, so that none lies in a queue. That one is used once is the record's to say.
 */
export type Links = {
  sign(ask: Ask): string;
  /** `undefined`: it is none of ours. `expired` ones are. */
  read(token: string, nowMs: number): { readonly ask: Ask; readonly isExpired: boolean } | undefined;
  /** What the confirmation page sends back, so that only who has read the page can answer. */
  confirmation(token: string): string;
  isConfirmed(token: string, given: string): boolean;
};

export function makeLinks(key: Buffer): Links {
  const mac = (domain: string, text: string): Buffer => createHmac('sha256', key).update(`${domain}\n${text}`).digest();
  const confirmation = (token: string): string => mac('confirm', token).toString('base64url');
  return {
    sign(ask) {
      const body = Buffer.from(JSON.stringify(ask)).toString('base64url');
      return `${body}.${mac('link', body).toString('base64url')}`;
    },
    read(token, nowMs) {
      const [body = '', signature = '', stray] = token.length > MOST_LENGTH ? [] : token.split('.');
      const given = Buffer.from(signature, 'base64url');
      const wanted = mac('link', body);
      if (stray !== undefined || given.length !== wanted.length || !timingSafeEqual(given, wanted)) return undefined;
      // One of ours: it is read back as it was written.
      const ask = askSchema.parse(JSON.parse(Buffer.from(body, 'base64url').toString()));
      return { ask, isExpired: nowMs >= ask.untilMs };
    },
    confirmation,
    isConfirmed(token, given) {
      const [one, other] = [confirmation(token), given].map((text) => mac('compare', text));
      return one !== undefined && other !== undefined && timingSafeEqual(one, other);
    },
  };
}
