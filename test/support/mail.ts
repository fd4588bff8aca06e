/** A mail as a mail program shows it. */
export type ParsedMail = { readonly headers: Readonly<Record<string, string>>; readonly text: string };

/** Reads a mail of one part (RFC 5322, 2045, 2047), given as latin1; enough for what the `email` action sends. */
export function readMail(raw: string): ParsedMail {
  const end = raw.indexOf('\r\n\r\n');
  const lines = raw
    .slice(0, end)
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = readWords(line.slice(colon + 1).trim());
  }
  const body = raw.slice(end + 4);
  const encoding = headers['content-transfer-encoding'];
  const bytes =
    encoding === 'base64'
      ? Buffer.from(body, 'base64')
      : Buffer.from(encoding === 'quoted-printable' ? readQuoted(body.replace(/=\r\n/g, '')) : body, 'latin1');
  return { headers, text: `${bytes.toString('utf8').replaceAll('\r\n', '\n').replace(/\n$/, '')}\n` };
}

/** RFC 2047: encoded words that follow each other are one text, and may share a character's bytes. */
function readWords(text: string): string {
  const joined = text.replace(/\?=\s+=\?/g, '?==?');
  return joined.replace(/(?:=\?utf-8\?[bq]\?[^?]*\?=)+/gi, (words) =>
    Buffer.concat(
      [...words.matchAll(/=\?utf-8\?([bq])\?([^?]*)\?=/gi)].map(([, kind = '', data = '']) =>
        kind.toLowerCase() === 'b'
          ? Buffer.from(data, 'base64')
          : Buffer.from(readQuoted(data.replaceAll('_', ' ')), 'latin1'),
      ),
    ).toString('utf8'),
  );
}

function readQuoted(text: string): string {
  return text.replace(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
