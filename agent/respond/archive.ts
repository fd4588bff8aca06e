import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { zstdCompress } from 'node:zlib';

const compress = promisify(zstdCompress);
const BLOCK = 512;

/** Named texts as tar, up to a bound; `manifest.json` at its end has the hash of each and says what was left out. */
export class Archive {
  readonly #most: number;
  readonly #blocks: Buffer[] = [];
  readonly #files: { readonly name: string; readonly size: number; readonly sha256: string }[] = [];
  readonly #leftOut: string[] = [];
  #bytes = 0;

  constructor(mostBytes: number) {
    this.#most = mostBytes;
  }

  add(name: string, content: string | Buffer): void {
    const bytes = Buffer.from(content);
    if (this.#bytes + bytes.length > this.#most) {
      this.#leftOut.push(name);
      return;
    }
    this.#bytes += bytes.length;
    this.#files.push({ name, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') });
    this.#append(name, bytes);
  }

  /** tar.zst. */
  async finish(about: Readonly<Record<string, unknown>>): Promise<Buffer> {
    const manifest = { ...about, files: this.#files, left_out: this.#leftOut };
    this.#append('manifest.json', Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`));
    return compress(Buffer.concat([...this.#blocks, Buffer.alloc(2 * BLOCK)]));
  }

  #append(name: string, bytes: Buffer): void {
    const fill = (BLOCK - (bytes.length % BLOCK)) % BLOCK;
    this.#blocks.push(header(name, bytes.length), bytes, Buffer.alloc(fill));
  }
}

/** POSIX.1-1988 ustar: name, mode, uid, gid, size, mtime, checksum, type, …, magic. Names here are short. */
function header(name: string, size: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, length: number) => value.toString(8).padStart(length - 1, '0');
  block.write(name.slice(0, 100), 0, 'utf8');
  block.write(octal(0o600, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(size, 12), 124);
  block.write(octal(Math.floor(Date.now() / 1_000), 12), 136);
  block.write('        ', 148);
  block.write('0', 156);
  block.write('ustar\x0000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 7)}\0 `, 148);
  return block;
}
