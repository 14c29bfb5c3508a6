/** When it is certain that the row which a foreign key names exists: AT_COMMIT where the key is deferrable, NEVER where it is not enforced. */
export type Checked = 'AT_ONCE' | 'AT_COMMIT' | 'NEVER';

/** The foreign keys of a table by column, and there by name: those to a column that holds the same sequence's values. */
export type ForeignKeys = ReadonlyMap<string, ReadonlyMap<string, Checked>>;

/** When a value that is written into a column is certain to name a row; null: it need not. Of several keys the strictest vouches. */
export function vouchedBy(keys: ForeignKeys, column: string): Exclude<Checked, 'NEVER'> | null {
  const all = [...(keys.get(column)?.values() ?? [])];
  return (['AT_ONCE', 'AT_COMMIT'] as const).find((checked) => all.includes(checked)) ?? null;
}

/** Whether one of them need not hold before COMMIT. */
export function isDeferrable(keys: ForeignKeys): boolean {
  return [...keys.values()].some((ofColumn) => [...ofColumn.values()].includes('AT_COMMIT'));
}

/** The keys with a column's further one. */
export function withKey(
  keys: ForeignKeys,
  column: string,
  name: string,
  checked: Checked,
): Map<string, ReadonlyMap<string, Checked>> {
  return new Map([...keys, [column, new Map([...(keys.get(column) ?? []), [name, checked]])]]);
}

/** The keys with one of them changed, renamed or, by null, dropped; a column with no more key is left out. */
export function withChangedKey(
  keys: ForeignKeys,
  name: string,
  change: (name: string, checked: Checked) => readonly [string, Checked] | null,
): Map<string, ReadonlyMap<string, Checked>> {
  const changed = [...keys].map(([column, ofColumn]) => {
    const all = [...ofColumn].flatMap((key) => {
      const other = key[0] === name ? change(...key) : key;
      return other === null ? [] : [other];
    });
    return [column, new Map(all)] as const;
  });
  return new Map(changed.filter(([, { size }]) => size > 0));
}
