import * as z from 'zod';
import { duration } from '#playbooks/language/duration';

/** Where evidence goes that nodes hand over, and for how long. */
export type EvidenceSettings = z.output<typeof evidenceSchema>;

export const evidenceSchema = z.strictObject({
  /** Of one archive. */
  most_each_mb: z.int().min(1).max(2_048).default(1_024),
  /** In this router's folder; the oldest goes first. */
  most_mb: z.int().min(1).max(10_000_000).default(10_240),
  keep: duration(60_000, 3_650 * 86_400_000).default(90 * 86_400_000),
  /** Instead of the folder; secrets are still references. The bucket's own rules say how long it keeps what. */
  s3: z.looseObject({}).optional(),
});
