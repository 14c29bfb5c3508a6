/**
 * Share of the event loop's time that executing full-detail payloads may take together while a run goes as fast as it can.
 * Writing them and collecting their garbage come on top, and cost as much again: with a tenth a run took 15–17 % longer
 * (`npm run bench -- recording`).
 */
const SHARE = 0.04;
/** What was overdrawn is forgotten beyond this, so that no reader waits longer for its turn. Milliseconds. */
const LONGEST_WAIT_MS = 500;

/**
 * Keeps those who watch a run from slowing it down (E8 of `docs/events.md`). A payload of a thousand events takes tens of
 * milliseconds to execute and to write, on the event loop that sends the run's statements. Since the log is durable,
 * readers may fall behind while the run is in a hurry, and catch up behind it.
 */
export class DeliveryBudget {
  private freeAt = 0;

  /** Milliseconds until the next payload may be made; 0: now. */
  get waitMs(): number {
    return Math.max(0, this.freeAt - performance.now());
  }

  /**
   * Call when a payload is handed out while a run is in a hurry, within a promise's callback: executing and writing it happens in the callbacks that
   * follow, and takes until the next tick.
   */
  handOut(): void {
    const begun = performance.now();
    process.nextTick(() => {
      const now = performance.now();
      const paidAt = Math.max(this.freeAt, now) + (now - begun) * (1 / SHARE - 1);
      this.freeAt = Math.min(paidAt, now + LONGEST_WAIT_MS);
    });
  }
}

/** One for the process: its streams share one event loop. */
export const deliveryBudget = new DeliveryBudget();
