import fc from 'fast-check';

/** What an attacker can put into the name or the arguments of a process: quotes, line ends, shell, templates, terminals. */
export const hostile: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }).map((text) => text.toWellFormed()),
  fc
    .array(
      fc.constantFrom(
        '"',
        "'",
        '\n',
        '\r\n',
        '\r\n.\r\n',
        '\n\nBcc: x@example.com\n',
        '$(touch /tmp/lanner-was-here)',
        '`id`',
        ';id;',
        '%',
        '%{secret.KEY}',
        '%proc.name',
        '{{7*7}}',
        '\u001b[2J',
        '\u202e',
        '\\',
        '</script>',
        '😀',
        ',',
        '-rf',
        ' ',
      ),
      { maxLength: 12 },
    )
    .map((parts) => parts.join('')),
  fc.constantFrom('x'.repeat(65_536), '%'.repeat(4_096), '\u001b]0;x\u0007'),
);
