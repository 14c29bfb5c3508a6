/** Empty places in front that are left before what waits is moved up, however little that is. */
const SPARE = 64;

/** First in, first out. To take one costs the same however many wait; what was taken is let go of at once. */
export class Fifo<T> {
  private items: (T | undefined)[] = [];
  private head = 0;

  get length(): number {
    return this.items.length - this.head;
  }

  /** Undefined where nothing waits. */
  get first(): T | undefined {
    return this.items[this.head];
  }

  push(item: T): void {
    this.items.push(item);
  }

  /** Takes the first out, if any waits. */
  shift(): void {
    if (this.length === 0) return;
    this.items[this.head] = undefined;
    this.head += 1;
    if (this.head < SPARE || 2 * this.head < this.items.length) return;
    this.items = this.items.slice(this.head);
    this.head = 0;
  }
}
