/** Texts remembered in one generation, and their characters in all. */
const MOST_TEXTS = 2_000;
const MOST_CHARACTERS = 4_000_000;

/** Remembers what was made of texts. Two generations: texts in use move to the young one, the rest are dropped. */
export class TextCache<T> {
  private young = new Map<string, T>();
  private old = new Map<string, T>();
  private characters = 0;

  get(text: string, make: () => T): T {
    const known = this.young.get(text);
    if (known !== undefined) return known;
    const made = this.old.get(text) ?? make();
    if (this.young.size >= MOST_TEXTS || this.characters + text.length > MOST_CHARACTERS) {
      this.old = this.young;
      this.young = new Map();
      this.characters = 0;
    }
    this.young.set(text, made);
    this.characters += text.length;
    return made;
  }
}
