/** Where a text holds one of these, only the tokeniser can tell where its literals begin and end. */
const INTRICATE = /["\\]|--|\/\*|\$(?!\d)|(?<![\w$\u0080-\uffff])0[a-z_]/i;
const LITERALS = /'[^']*'|(?<![\w$\u0080-\uffff])\d+/g;

/**
 * The text with its plain literals blanked: texts for which this is the same have the same normalised form
 * (`normaliseStatement`), which takes several times as long. Null where that cannot be promised.
 */
export function blankLiterals(text: string): string | null {
  return INTRICATE.test(text) ? null : text.replace(LITERALS, blank);
}

function blank(literal: string): string {
  return literal.charCodeAt(0) === 39 ? "''" : '0';
}
