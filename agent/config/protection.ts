import * as z from 'zod';
import { toByteString } from '#rules/language/byte-string';

/** What no response may touch beside what never may be. Every key that stands in an entry must agree; `*` is any text. */
export type Protection = {
  readonly containers: readonly ContainerPattern[];
  /** Of the host: what runs in containers is protected by its container. */
  readonly processes: readonly { readonly name: string | undefined; readonly exe: string | undefined }[];
  readonly pods: readonly { readonly namespace: string | undefined; readonly label: LabelPattern | undefined }[];
};

type ContainerPattern = {
  readonly name: string | undefined;
  readonly image: string | undefined;
  readonly label: LabelPattern | undefined;
};

export type LabelPattern = { readonly key: string; readonly value: string };

/** How this node responds. */
export type ResponseSettings = {
  readonly protection: Protection;
  /** Destructive actions in any minute; further ones are refused. */
  readonly mostActions: number;
};

export const usualResponse: ResponseSettings = {
  protection: { containers: [], processes: [], pods: [] },
  mostActions: 60,
};

/** Patterns are compared with what the kernel and engines say, which is byte strings. */
const pattern = z.string().min(1, 'expected a text').max(1_024).transform(toByteString);

/** `key=value`, or `key` for whatever value. */
const label = pattern.transform((text): LabelPattern => {
  const at = text.indexOf('=');
  return at === -1 ? { key: text, value: '*' } : { key: text.slice(0, at), value: text.slice(at + 1) };
});

const hasKey = (entry: object): boolean => Object.values(entry).some((value) => value !== undefined);

const container = z
  .strictObject({ name: pattern.optional(), image: pattern.optional(), label: label.optional() })
  .refine(hasKey, 'expected name, image or label');
const process = z
  .strictObject({ name: pattern.optional(), exe: pattern.optional() })
  .refine(hasKey, 'expected name or exe');
const pod = z
  .strictObject({ namespace: pattern.optional(), label: label.optional() })
  .refine(hasKey, 'expected namespace or label');

const entry = z
  .strictObject({ container: container.optional(), process: process.optional(), pod: pod.optional() })
  .refine(
    (value) => Object.values(value).filter((one) => one !== undefined).length === 1,
    'expected one of container, process and pod',
  );

export const responseSchema = z
  .strictObject({
    most_actions_per_minute: z.int().min(1).max(100_000).default(usualResponse.mostActions),
    protect: z.array(entry).max(1_000).default([]),
  })
  .transform(
    ({ most_actions_per_minute: mostActions, protect }): ResponseSettings => ({
      mostActions,
      protection: {
        containers: protect.flatMap((one) =>
          one.container === undefined
            ? []
            : [{ name: one.container.name, image: one.container.image, label: one.container.label }],
        ),
        processes: protect.flatMap((one) =>
          one.process === undefined ? [] : [{ name: one.process.name, exe: one.process.exe }],
        ),
        pods: protect.flatMap((one) =>
          one.pod === undefined ? [] : [{ namespace: one.pod.namespace, label: one.pod.label }],
        ),
      },
    }),
  );

/** The keys of each part, for suggestions. */
export const responseKeys: Readonly<Record<string, readonly string[]>> = {
  response: ['most_actions_per_minute', 'protect'],
  protect: ['container', 'process', 'pod'],
  container: ['name', 'image', 'label'],
  process: ['name', 'exe'],
  pod: ['namespace', 'label'],
};
