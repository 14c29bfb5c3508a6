import { LiteralBlanker, LONGEST_BLANKED } from '../journal/literals.ts';

/** Two generations of this many texts and characters each. */
const MEMORY = { texts: 2_000, characters: 2_000_000 } as const;

interface Blanked<Line> {
  readonly units: Uint16Array;
  readonly line: Line;
}

interface Generation<Line> {
  /** Texts as they are: where literals cannot be blanked, and of the extended protocol, which has few texts. */
  readonly exact: Map<string, Line>;
  /** By the hash of the text with its literals blanked. */
  readonly blanked: Map<number, Blanked<Line>[]>;
  texts: number;
  characters: number;
}

/**
 * Remembers the line of a report that a text belongs to, so that neither a text that comes again nor one with other
 * literals each time is normalised anew. Texts in use move to the young generation.
 */
export class StatementLines<Line> {
  readonly #blanker = new LiteralBlanker();
  readonly #normalised: (text: string) => Line;
  #young: Generation<Line> = emptyGeneration();
  #old: Generation<Line> = emptyGeneration();

  /** `normalised` finds or makes the line of a text that is not remembered. */
  constructor(normalised: (text: string) => Line) {
    this.#normalised = normalised;
  }

  /** `repeated`: the same text is likely to come again as it is. */
  of(text: string, repeated: boolean): Line {
    if (text.length > LONGEST_BLANKED) return this.#normalised(text);
    if (repeated) {
      const known = this.#young.exact.get(text);
      if (known !== undefined) return known;
    }
    const blanker = this.#blanker;
    if (!blanker.blank(text)) return this.#exact(text);
    const { hash } = blanker;
    const known = find(this.#young, blanker);
    const line = known ?? find(this.#old, blanker) ?? this.#normalised(text);
    if (repeated) this.#remember(text.length).exact.set(text, line);
    else if (known === null) {
      const young = this.#remember(blanker.length);
      const same = young.blanked.get(hash);
      const entry = { units: blanker.copy(), line };
      if (same === undefined) young.blanked.set(hash, [entry]);
      else same.push(entry);
    }
    return line;
  }

  #exact(text: string): Line {
    const known = this.#young.exact.get(text);
    if (known !== undefined) return known;
    const line = this.#old.exact.get(text) ?? this.#normalised(text);
    this.#remember(text.length).exact.set(text, line);
    return line;
  }

  /** The young generation with room for one more text. */
  #remember(characters: number): Generation<Line> {
    if (this.#young.texts >= MEMORY.texts || this.#young.characters + characters > MEMORY.characters) {
      this.#old = this.#young;
      this.#young = emptyGeneration();
    }
    this.#young.texts += 1;
    this.#young.characters += characters;
    return this.#young;
  }
}

function emptyGeneration<Line>(): Generation<Line> {
  return { exact: new Map(), blanked: new Map(), texts: 0, characters: 0 };
}

function find<Line>({ blanked }: Generation<Line>, blanker: LiteralBlanker): Line | null {
  for (const { units, line } of blanked.get(blanker.hash) ?? NONE) if (blanker.equals(units)) return line;
  return null;
}

const NONE: readonly never[] = [];
