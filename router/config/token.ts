import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeFolder } from '#rules/cli/make-folder';

const LEAST_LETTERS = 16;

/**
 * The bearer token of the API, from its file; on the first start it is made, for the owner's eyes only. The file appears
 * whole or not at all, so that an agent that starts at the same time never reads half of it.
 */
export function readOrMakeToken(path: string): string {
  makeFolder(dirname(path));
  return readToken(path) ?? makeToken(path);
}

function readToken(path: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  // Printable ASCII without spaces: what fits into a header.
  if (text.length < LEAST_LETTERS || text.length > 1_024 || !/^[!-~]+$/.test(text)) {
    throw new TokenError(`${path}: expected one word of at least ${LEAST_LETTERS} printable ASCII characters`);
  }
  return text;
}

function makeToken(path: string): string {
  const token = randomBytes(32).toString('base64url');
  const next = `${path}.${process.pid}`;
  const file = openSync(next, 'wx', 0o600);
  try {
    writeSync(file, `${token}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  try {
    linkSync(next, path);
    return token;
  } catch (error) {
    // Somebody else made it at the same moment: theirs counts.
    const theirs = readToken(path);
    if (theirs === undefined) throw error;
    return theirs;
  } finally {
    unlinkSync(next);
  }
}

/** The token file is there but cannot be used. */
export class TokenError extends Error {}
