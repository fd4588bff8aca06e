import * as z from 'zod';

/** `*` is any text. */
const pattern = z.string().min(1, 'expected a text').max(1_024);

/** `key=value`, or `key` for whatever value. */
const label = pattern.transform((text) => {
  const at = text.indexOf('=');
  return at === -1 ? { key: text, value: '*' } : { key: text.slice(0, at), value: text.slice(at + 1) };
});

const pod = z
  .strictObject({ namespace: pattern.optional(), label: label.optional() })
  .refine(({ namespace, label: own }) => (namespace ?? own) !== undefined, 'expected namespace or label');
const node = z
  .strictObject({ name: pattern.optional(), label: label.optional() })
  .refine(({ name, label: own }) => (name ?? own) !== undefined, 'expected name or label');

/** The cluster that `k8s.*` acts on. */
export const kubernetesSchema = z.strictObject({
  /** Without it, the service account of the router's own pod. */
  kubeconfig_file: z
    .string()
    .regex(/^\/[^\0\n]*$/, 'expected an absolute path')
    .max(4_096)
    .optional(),
  /** Of the kubeconfig; its current one if left out. */
  context: z.string().min(1).max(1_024).optional(),
  /** What is left alone, beside `kube-system`, Lanner itself and control planes; all keys of an entry must agree. */
  protect: z
    .array(
      z
        .strictObject({ pod: pod.optional(), node: node.optional() })
        .refine((entry) => (entry.pod === undefined) !== (entry.node === undefined), 'expected either pod or node'),
    )
    .max(1_000)
    .default([]),
  /** Destructive ones, of this router; further ones are refused. */
  most_actions_per_minute: z.int().min(1).max(100_000).default(60),
  /** Nodes that are cordoned by Lanner at the same time. */
  most_cordoned: z.int().min(1).max(10_000).default(1),
});

export type KubernetesSettings = z.output<typeof kubernetesSchema>;

export const usualKubernetes: KubernetesSettings = kubernetesSchema.parse({});
