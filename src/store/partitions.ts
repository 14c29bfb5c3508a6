import type { PoolClient } from 'pg';
import type { Micros } from '../journal/entry.ts';

/** A UTC day in microseconds: one partition of `entries`. */
export const DAY: Micros = 86_400_000_000;

/** Start of the UTC day that a timestamp falls into. */
export function dayOf(timestamp: Micros): Micros {
  return Math.floor(timestamp / DAY) * DAY;
}

/** Name of a day's partition, without its schema: `entries_20261123`. */
export function partitionName(day: Micros): string {
  const text = new Date(day / 1000).toISOString();
  return `entries_${text.slice(0, text.indexOf('T')).replaceAll('-', '').replace('+', '')}`;
}

/**
 * Makes the partitions of the days that have none. The caller holds the row of `journal_clock`, so nobody
 * else is making them.
 */
export async function ensurePartitions(client: PoolClient, days: Iterable<Micros>): Promise<void> {
  for (const day of days) {
    const name = `reprise.${partitionName(day)}`;
    // Made apart and attached, because CREATE … PARTITION OF would wait for every running read.
    await client.query(`create table ${name} (like reprise.entries including all)`);
    await client.query(
      `alter table reprise.entries attach partition ${name} for values from (${day}) to (${day + DAY})`,
    );
  }
}
