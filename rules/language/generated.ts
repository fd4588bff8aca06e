/**
 * Texts that were made into code in this process. A number in each text keeps the engine from taking two equal ones for
 * one: it would then share what it learns of the values that each meets, and optimise for a mixture. No result depends
 * on it.
 */
let made = 0;

/**
 * Makes code of `body`, the body of a function that finds `constants` under the names `c0`, `c1`, … The text must hold
 * only words and numbers of ours: what somebody wrote comes in as a constant.
 */
export function generate<T>(body: string, constants: readonly unknown[]): T {
  const names = constants.map((_, index) => `c${index}=c[${index}]`);
  const text = `"use strict";/*${made++}*/${names.length === 0 ? '' : `const ${names.join(',')};`}\n${body}`;
  return new Function('c', text)(constants);
}
