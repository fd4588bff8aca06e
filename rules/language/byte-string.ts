/**
 * A byte string is a JavaScript string in which every UTF-16 unit is one byte (0..255): comparing and measuring it
 * compares and measures bytes, and V8 keeps it in one byte a character. Text that comes from the kernel has this form.
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The UTF-8 bytes of `text`. Plain ASCII is returned as it is. */
export function toByteString(text: string): string {
  if (isAscii(text)) return text;
  return bytesToByteString(encoder.encode(text));
}

/** Reads a byte string as UTF-8; bytes that are not UTF-8 become U+FFFD. */
export function fromByteString(bytes: string): string {
  if (isAscii(bytes)) return bytes;
  return decoder.decode(byteStringToBytes(bytes));
}

export function bytesToByteString(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 8_192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  }
  return text;
}

export function byteStringToBytes(bytes: string): Uint8Array {
  const array = new Uint8Array(bytes.length);
  for (let at = 0; at < bytes.length; at++) array[at] = bytes.charCodeAt(at);
  return array;
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    if (text.charCodeAt(at) > 0x7f) return false;
  }
  return true;
}
