/** First in, first out. To take one costs the same however many wait; those taken are let go of when they are half of it. */
export class Fifo<T> {
  private items: T[] = [];
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
    this.head += 1;
    if (2 * this.head < this.items.length) return;
    this.items = this.items.slice(this.head);
    this.head = 0;
  }
}
