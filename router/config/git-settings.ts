import * as z from 'zod';
import { duration } from '#playbooks/language/duration';

/** The repository that rules and playbooks come from. */
export type GitSettings = z.output<typeof gitSchema>;

const path = z
  .string()
  .regex(/^\/[^\0\n]*$/, 'expected an absolute path')
  .max(4_096);
/** The secret that the sender of a push signs with; its own file. */
const webhook = z.strictObject({ secret_file: path });

/**
 * `https://HOST/…`, `ssh://USER@HOST/…`, `USER@HOST:…` or `file:///…`; no user or password inside, since addresses are
 * logged and shown.
 */
const url = z
  .string()
  .max(2_048)
  .regex(
    /^(https:\/\/[A-Za-z0-9.[\]-]+(:\d+)?\/|ssh:\/\/([A-Za-z0-9._-]+@)?[A-Za-z0-9.[\]-]+(:\d+)?\/|[A-Za-z0-9._-]+@[A-Za-z0-9.-]+:|file:\/\/\/)[!-~]*$/,
    'expected https://HOST/PATH, ssh://USER@HOST/PATH, USER@HOST:PATH or file:///PATH, without a password',
  );

const auth = z.union(
  [
    z.strictObject({ username: z.string().regex(/^[!-9;-~]{1,256}$/), password_file: path }),
    z.strictObject({ ssh_key_file: path, known_hosts_file: path }),
  ],
  { error: 'expected {username, password_file} or {ssh_key_file, known_hosts_file}' },
);

export const gitSchema = z.strictObject({
  url,
  /** A branch. */
  ref: z
    .string()
    .regex(/^(?!.*(\.\.|\/\/|@\{|\.lock$))[A-Za-z0-9][A-Za-z0-9._/-]{0,254}$/, 'expected the name of a branch')
    .default('main'),
  /** The folder with `rules/` and `playbooks/`; the root if it is empty. */
  path: z
    .string()
    .regex(/^(?!\/)(?!.*(^|\/)\.\.?(\/|$))[^\0\n]{0,1024}$/, 'expected a folder inside the repository')
    .transform((text) => text.replace(/\/+$/, ''))
    .default(''),
  interval: duration(1_000, 86_400_000).default(60_000),
  auth: auth.optional(),
  ca_file: path.optional(),
  /** Commits must be signed by one of these SSH keys (ssh-keygen(1), ALLOWED SIGNERS). */
  verify: z.strictObject({ allowed_signers: path }).optional(),
  webhook: webhook.optional(),
});
