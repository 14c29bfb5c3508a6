/**
 * What neither XML 1.0 nor HTML can hold, not even escaped: control characters, halves of surrogate pairs, U+FFFE and
 * U+FFFF. Names, texts and messages of a database may hold them.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const IMPOSSIBLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u0084\u0086-\u009f\ufffe\uffff]|\p{Surrogate}/gu;

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  // In an attribute, a parser turns these into spaces.
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};

/** A text inside of an element; `]]>` included. What cannot be told is U+FFFD. */
export function escapeText(text: string): string {
  return text.replace(IMPOSSIBLE, '\ufffd').replace(/[&<>\r]/g, (character) => ESCAPES[character] ?? character);
}

/** A text inside of a quoted attribute. */
export function escapeAttribute(text: string): string {
  return text.replace(IMPOSSIBLE, '\ufffd').replace(/[&<>"'\t\n\r]/g, (character) => ESCAPES[character] ?? character);
}
