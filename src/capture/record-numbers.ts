/**
 * The numbers of a session's records, as far as they followed each other up to the last: what comes again of them was read before, as
 * where files overlap.
 */
export class RecordNumbers {
  #first = -1;
  #next = -1;

  /** Takes note of a record, the first or one that is none of these; `numbers`: how many it takes. False where it is not the next. */
  add(lineNumber: number, numbers: number): boolean {
    const follows = lineNumber === this.#next;
    if (follows || lineNumber > this.#next) {
      if (!follows) this.#first = lineNumber;
      this.#next = lineNumber + numbers;
    }
    return follows;
  }

  has(lineNumber: number): boolean {
    return lineNumber >= this.#first && lineNumber < this.#next;
  }
}
