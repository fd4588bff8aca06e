import { type Diagnostic, isWarning, lengthInLine } from '../language/diagnostic.ts';
import type { LoadOutcome } from '../language/load.ts';
import { locate } from '../language/source.ts';
import { describeCode } from './load-results.ts';

/** SARIF 2.1.0, which code hosts show as remarks in a pull request. */
export function toSarif(name: string, outcome: Pick<LoadOutcome, 'errors' | 'warnings'>): object {
  const diagnostics = [...outcome.errors, ...outcome.warnings];
  const codes = [...new Set(diagnostics.map(({ code }) => code))].sort();
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name,
            rules: codes.map((code) => ({ id: code, shortDescription: { text: describeCode(code) } })),
          },
        },
        columnKind: 'unicodeCodePoints',
        results: diagnostics.map((diagnostic) => toResult(diagnostic, codes.indexOf(diagnostic.code))),
      },
    ],
  };
}

function toResult(diagnostic: Diagnostic, ruleIndex: number): object {
  const { code, message, source, span } = diagnostic;
  const { path, line, column, lineText, lineOffset } = locate(source, span.start);
  const marked = lineText.slice(lineOffset, lineOffset + lengthInLine(source, span));
  const endColumn = column + Math.max(1, [...marked].length);
  return {
    ruleId: code,
    ruleIndex,
    level: isWarning(code) ? 'warning' : 'error',
    message: { text: message },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: path.startsWith('/') ? `file://${encodeURI(path)}` : encodeURI(path) },
          region: { startLine: line, startColumn: column, endColumn },
        },
      },
    ],
  };
}
