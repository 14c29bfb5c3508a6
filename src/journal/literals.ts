const QUOTE = 39;
const ZERO = 48;

/** The longest text that is blanked. In UTF-16 units. */
export const LONGEST_BLANKED = 20_000;

/**
 * Blanks the literals of statements: texts for which the result is the same have the same normalised form
 * (`normaliseStatement`), which takes ten times as long. One pass into memory of its own, which the next text
 * overwrites: a string for each of millions of statements would cost more than the blanking.
 */
export class LiteralBlanker {
  /** Of the blanked text, from 0 up to `length`: UTF-16 units. */
  readonly units = new Uint16Array(LONGEST_BLANKED);
  length = 0;
  /** Of the units; different texts may share it. */
  hash = 0;

  /** False where only the tokeniser can tell where the text's literals begin and end: nothing is told of it then. */
  blank(text: string): boolean {
    const { units } = this;
    const end = text.length;
    if (end > LONGEST_BLANKED || text.includes('\\')) return false;
    let length = 0;
    let hash = 0x811c9dc5;
    /** What comes next belongs to a word that has begun, or to a parameter. */
    let inWord = false;
    for (let at = 0; at < end; at++) {
      let unit = text.charCodeAt(at);
      if (unit === QUOTE) {
        at = text.indexOf("'", at + 1);
        if (at < 0) return false;
        units[length++] = QUOTE;
        hash = Math.imul(hash ^ QUOTE, 0x01000193);
        inWord = false;
      } else if (isDigit(unit)) {
        if (!inWord) {
          // 0x1f, 0b1, 0_1.
          if (unit === ZERO && isLetter(text.charCodeAt(at + 1))) return false;
          while (isDigit(text.charCodeAt(at + 1))) at++;
          unit = ZERO;
          inWord = true;
        }
      } else if (isLetter(unit) || unit > 127) inWord = true;
      else {
        // Quoted names, comments, and $tag$: anything in them may look like a literal.
        const next = text.charCodeAt(at + 1);
        if (unit === 34 || (unit === 45 && next === 45) || (unit === 47 && next === 42)) return false;
        inWord = unit === 36;
        if (inWord && !isDigit(next)) return false;
      }
      units[length++] = unit;
      hash = Math.imul(hash ^ unit, 0x01000193);
    }
    this.length = length;
    this.hash = hash;
    return true;
  }

  /** A copy of what was blanked last. */
  copy(): Uint16Array {
    return this.units.slice(0, this.length);
  }

  /** True when what was blanked last is the same as this copy. */
  equals(copy: Uint16Array): boolean {
    const { units, length } = this;
    if (copy.length !== length) return false;
    for (let at = 0; at < length; at++) if (copy[at] !== units[at]) return false;
    return true;
  }
}

/** Also false for the NaN behind a text's end. */
function isDigit(unit: number): boolean {
  return unit >= ZERO && unit <= 57;
}

/** A letter of ASCII, or `_`. */
function isLetter(unit: number): boolean {
  return (unit >= 97 && unit <= 122) || (unit >= 65 && unit <= 90) || unit === 95;
}
