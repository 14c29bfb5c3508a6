import { createHash } from 'node:crypto';
import type { Entry } from '../../src/journal/entry.ts';
import type { Value } from '../../src/journal/value.ts';
import type { Target } from '../support/replay.ts';

/** What the shop's tables hold, counted so that the order of statements does not matter; by table, then by key. */
export type ShopState = Record<
  'products' | 'customers' | 'orders' | 'order_lines' | 'lines_of_orders' | 'carts',
  Record<string, number>
>;

/**
 * `order_lines` counts lines whatever order they are on, `lines_of_orders` the same with what is known of their order
 * without its id, which replays may give another: customer and note.
 */
const LINES = `SELECT product_id || ' ' || quantity || ' ' || price %, count(*) FROM order_lines JOIN orders ON id = order_id GROUP BY 1`;

/** Carts move to an archive: counted together. */
const QUERIES: Record<keyof ShopState, string> = {
  products: 'SELECT id, stock FROM products',
  customers: 'SELECT id, spent::int FROM customers',
  orders: 'SELECT customer_id, count(*) FROM orders GROUP BY 1',
  order_lines: LINES.replace('%', ''),
  lines_of_orders: LINES.replace('%', "|| ' of ' || customer_id || ' ' || md5(note)"),
  carts:
    'SELECT customer_id, count(*) FROM (SELECT * FROM carts UNION ALL SELECT * FROM carts_archive) AS kept GROUP BY 1',
};

export async function readShop(target: Target): Promise<ShopState> {
  const state = newShop();
  for (const table of Object.keys(QUERIES) as (keyof ShopState)[]) {
    for (const row of await target.sql(QUERIES[table])) {
      const [key = '', count] = row.split('|');
      state[table][key] = Number(count);
    }
  }
  return state;
}

/**
 * The state that the shop is in when exactly those statements ran that `succeeded` tells, in transactions that were
 * committed by it: what a transaction that failed, or was rolled back, did is not there.
 */
export function shopAfter(entries: readonly Entry[], succeeded: (entry: Entry) => boolean): ShopState {
  const state = newShop();
  const transactions = new Map<string, Entry[]>();
  for (const entry of entries) {
    const known = transactions.get(entry.transactionId);
    if (known === undefined) transactions.set(entry.transactionId, [entry]);
    else known.push(entry);
  }
  for (const all of transactions.values()) {
    const sorted = all.sort((a, b) => a.sequence - b.sequence);
    if (sorted[0]?.statement.startsWith('BEGIN')) block(state, sorted, succeeded);
    else for (const entry of sorted) if (succeeded(entry)) effectOf(entry)?.(state);
  }
  return state;
}

function block(state: ShopState, entries: readonly Entry[], succeeded: (entry: Entry) => boolean): void {
  let effects: ((state: ShopState) => void)[] = [];
  let atSavepoint = 0;
  let failed = false;
  /** Lines are put on the order that their transaction has begun with. */
  let order = '';
  for (const entry of entries) {
    const { statement } = entry;
    if (!succeeded(entry)) failed = true;
    else if (statement.startsWith('SAVEPOINT')) atSavepoint = effects.length;
    else if (statement.startsWith('ROLLBACK TO')) {
      effects = effects.slice(0, atSavepoint);
      failed = false;
    } else if (statement === 'COMMIT' || statement === 'END') {
      if (!failed) for (const effect of effects) effect(state);
    } else {
      const parameters = entry.parameters.map(plain);
      if (statement.startsWith('INSERT INTO orders '))
        order = `${parameters[0]} ${createHash('md5')
          .update(parameters[1] ?? '')
          .digest('hex')}`;
      const effect = statement.startsWith('INSERT INTO order_lines ') ? addLine(parameters, order) : effectOf(entry);
      if (effect !== null) effects.push(effect);
    }
  }
}

function addLine([, product, quantity, price]: readonly string[], order: string): (state: ShopState) => void {
  const line = `${product} ${quantity} ${price}`;
  return ({ order_lines, lines_of_orders }) => {
    order_lines[line] = (order_lines[line] ?? 0) + 1;
    const placed = `${line} of ${order}`;
    lines_of_orders[placed] = (lines_of_orders[placed] ?? 0) + 1;
  };
}

function effectOf({ statement, parameters }: Entry): ((state: ShopState) => void) | null {
  const [a, b, c] = parameters.map(plain);
  const add = (table: keyof ShopState, key: unknown, count: number) => (state: ShopState) => {
    const counts = state[table];
    counts[String(key)] = (counts[String(key)] ?? 0) + count;
  };
  if (statement.startsWith('INSERT INTO orders ')) return add('orders', a, 1);
  if (statement.startsWith('INSERT INTO carts ')) return add('carts', a, 1);
  if (statement.startsWith('MERGE INTO products ')) return add('products', a, Number(b));
  if (statement.startsWith('UPDATE products SET stock = stock - $1 ')) return add('products', b, -Number(a));
  if (statement.startsWith('UPDATE products SET stock = stock + 500 '))
    return add('products', /WHERE id = (\d+)$/.exec(statement)?.[1], 500);
  if (statement.startsWith('UPDATE customers SET spent = spent + $1,')) return add('customers', c, Number(a));
  if (statement.startsWith('UPDATE customers SET spent = spent + 1 ')) return add('customers', a, 1);
  if (statement.startsWith('UPDATE customers SET spent = spent - 1 ')) return add('customers', a, -1);
  return null;
}

function plain(value: Value): string {
  return 'value' in value ? String(value.value) : '';
}

function newShop(): ShopState {
  const each = (count: number, value: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [String(index + 1), value]));
  return {
    products: each(40, 60),
    customers: each(50, 0),
    orders: {},
    order_lines: {},
    lines_of_orders: {},
    carts: {},
  };
}
