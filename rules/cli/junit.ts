export type JunitCase = { readonly path: string; readonly name: string; readonly failures: readonly string[] };

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** XML knows no control characters at all. */
function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (char) => entities[char] ?? char).replace(/\p{Cc}/gu, ' ');
}

/** What build servers show. */
export function toJunit(suite: string, cases: readonly JunitCase[]): string {
  const failed = cases.filter(({ failures }) => failures.length > 0).length;
  const shown = cases.map(({ path, name, failures }) => {
    const head = `  <testcase classname="${escapeXml(path)}" name="${escapeXml(name)}"`;
    return failures.length === 0
      ? `${head}/>`
      : `${head}><failure message="${escapeXml(failures.join('; '))}"/></testcase>`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuite name="${suite}" tests="${cases.length}" failures="${failed}">\n${shown.join('\n')}\n</testsuite>\n`;
}
