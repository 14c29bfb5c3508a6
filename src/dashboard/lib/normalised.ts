const TOKEN =
  /--[^\n]*|\/\*(?:[^*/]|\*(?!\/)|\/(?!\*)|\/\*(?:[^*]|\*(?!\/))*\*\/)*(?:\*\/|$)|(?:[eEbBxXnN])?'(?:[^'\\]|''|\\.)*(?:'|$)|\$(\w*)\$[\s\S]*?(?:\$\1\$|$)|\$\d+|\?|\d[\d_.]*(?:[eE][+-]?\d+)?\w*|"(?:[^"]|"")*(?:"|$)|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|\.\.\.|\s+|./g;

/**
 * A form in which a statement and its normalised text are equal. Coarser than the service's own normalisation, which
 * the API does not offer for a given text: lists of constants count as one, signs before
 * constants and casts of them as none, comments nest once.
 */
export function coarseForm(text: string): string {
  let form = '';
  for (const [token] of text.matchAll(TOKEN)) {
    const first = token.charCodeAt(0);
    if (/^(?:\s|--|\/\*)/.test(token)) continue;
    if (token === '?' || token === '...' || /^(?:[eEbBxXnN]?'|\$|\d)/.test(token)) {
      form = `${form.replace(/[+-]$/, '')}?`;
      continue;
    }
    const isWord = first === 95 || first > 127 || /^[A-Za-z]/.test(token);
    if (isWord) {
      const word = token.toLowerCase();
      form += word === 'null' || word === 'true' || word === 'false' ? '?' : ` ${word} `;
    } else if (token.startsWith('"')) form += ` ${token.slice(1, -1).replaceAll('""', '"')} `;
    else form += token;
  }
  let collapsed = form.replace(/\s+/g, ' ');
  for (let before = ''; before !== collapsed; ) {
    before = collapsed;
    // Lists of constants, rows of them, and repetitions of either are one constant.
    collapsed = collapsed
      .replace(/\? ?:: ?[\w.]+/g, '?')
      .replace(/\?(?: ?, ?\?)+/g, '?')
      .replace(/[([] ?\? ?[)\]]/g, '?');
  }
  return collapsed.replace(/[; ]+$/, '').trim();
}
