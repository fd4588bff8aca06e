/** How much memory the kernel's rings take: what they hold may wait, what they do not hold is lost. */
export type RingSizes = { readonly lifecycleBytes: number; readonly bulkBytes: number };

const KIB = 1024;
const MIB = 1024 * KIB;

/** A ring counts twice in the agent's resident memory once it was full: it is mapped twice in a row. */
export const memoryProfiles = {
  small: { lifecycleBytes: 512 * KIB, bulkBytes: 1 * MIB },
  default: { lifecycleBytes: 1 * MIB, bulkBytes: 8 * MIB },
  large: { lifecycleBytes: 8 * MIB, bulkBytes: 64 * MIB },
} as const satisfies Readonly<Record<string, RingSizes>>;

export const memoryNames = ['small', 'default', 'large'] as const;
