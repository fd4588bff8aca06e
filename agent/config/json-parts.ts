/** Falco's `json_include_…_property`: what an alert holds besides what it always does. */
export type FalcoJsonParts = {
  /** The text without time and priority. */
  readonly message: boolean;
  readonly output: boolean;
  readonly outputFields: boolean;
  readonly tags: boolean;
};

/** As Falco has them when nobody asks otherwise. */
export const allParts: FalcoJsonParts = { message: false, output: true, outputFields: true, tags: true };
