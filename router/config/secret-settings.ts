import * as z from 'zod';

/** One value of a Secret in the cluster. */
export type SecretReference = { readonly namespace: string; readonly object: string; readonly key: string };

/** Names of objects and keys of Secrets (kubernetes.io, "Object Names and IDs", "Secret"). */
const reference = z.string().transform((text, context): SecretReference => {
  const [, namespace, object, key] =
    /^([a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)\/([a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?)\/([-._a-zA-Z0-9]{1,253})$/.exec(
      text,
    ) ?? [];
  if (namespace !== undefined && object !== undefined && key !== undefined) return { namespace, object, key };
  context.addIssue({ code: 'custom', message: 'expected NAMESPACE/NAME/KEY of a Secret' });
  return z.NEVER;
});

/** Where secrets lie that are neither files nor in the environment, by the name that playbooks use. */
export const secretsSchema = z
  .record(
    z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'a secret is named by letters, digits and _'),
    z.strictObject({ kubernetes: reference }),
  )
  .refine((all) => Object.keys(all).length <= 1_000, 'more than 1000 secrets');
export type SecretReferences = z.output<typeof secretsSchema>;
