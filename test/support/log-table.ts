/** A table that keeps the order in which statements came: the target's own witness of what a replay did. */
export const LOG_SCHEMA = 'CREATE TABLE log (n bigint GENERATED ALWAYS AS IDENTITY, who text)';

/** The same, and rows 1 to 9 to contend for. */
export const ITEM_SCHEMA = `
  ${LOG_SCHEMA};
  CREATE TABLE item (id int PRIMARY KEY, v int NOT NULL);
  INSERT INTO item SELECT id, 0 FROM generate_series(1, 9) AS id`;

/** A statement that leaves a word in the log. */
export const log = (who: string) => `INSERT INTO log (who) VALUES ('${who}')`;

/** The words of the log, in order. */
export const LOGGED = 'SELECT who FROM log ORDER BY n';

/** A statement that locks a row, and changes it. */
export const add = (id: number, by = 1) => `UPDATE item SET v = v + ${by} WHERE id = ${id}`;
