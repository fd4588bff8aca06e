import * as z from 'zod';

const schema = z.strictObject({ version: z.literal(1), acknowledged: z.int().nonnegative() });

/** The cursor file: up to which number the router has taken all that it will take. */
export function writeCursor(acknowledged: number): string {
  return `${JSON.stringify({ version: 1, acknowledged } satisfies z.input<typeof schema>)}\n`;
}

/** `undefined`: cut off or damaged. Then everything in the spool is sent again, and the router recognises repeats. */
export function readCursor(text: string): number | undefined {
  try {
    const read = schema.safeParse(JSON.parse(text));
    return read.success ? read.data.acknowledged : undefined;
  } catch {
    return undefined;
  }
}
