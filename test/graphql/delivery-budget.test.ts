import { expect, test } from 'vitest';
import { DeliveryBudget } from '../../src/graphql/delivery-budget.ts';

/** Keeps the event loop busy, as executing a payload does. */
function work(): void {
  const until = performance.now() + 5;
  while (performance.now() < until);
}

test('the first payload is made at once, and what it took is paid for with a wait that ends by itself', async () => {
  const budget = new DeliveryBudget();
  expect(budget.waitMs).toBe(0);
  await Promise.resolve().then(() => budget.handOut());
  await Promise.resolve().then(work);
  await new Promise((resolve) => process.nextTick(resolve));
  expect(budget.waitMs).toBeGreaterThan(0);
  expect(budget.waitMs).toBeLessThanOrEqual(500);

  for (let n = 0; n < 200; n++) {
    await Promise.resolve().then(() => budget.handOut());
    await Promise.resolve().then(work);
    await new Promise((resolve) => process.nextTick(resolve));
  }
  expect(budget.waitMs).toBeLessThanOrEqual(500);
  while (budget.waitMs > 0) await new Promise((resolve) => setImmediate(resolve));
});
