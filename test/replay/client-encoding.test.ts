import { expect, it } from 'vitest';
import { HandMadeRecord } from '../support/record.ts';
import { useBench } from '../support/replay.ts';

const bench = useBench();

it.each([
  ['TIMESTAMP', 1],
  ['COMMIT', 1],
  ['COMMIT', 64],
  ['SESSION', 1],
  ['SESSION', 64],
] as const)(
  '%s with %i in flight: a session that changes its encoding goes on, its text as it was recorded',
  async (ordering, inFlight) => {
    const target = await bench.target('CREATE TABLE log (who text)');
    const record = new HandMadeRecord();
    record.run('a', "SET client_encoding TO 'LATIN1'");
    record.run('a', "INSERT INTO log VALUES ('ü')");
    record.run('a', "-- of old\nset names 'LATIN2'");
    record.run('a', "INSERT INTO log VALUES ('ö')");
    // Not seen for what it is: undone when the target tells of it.
    record.run('a', "SELECT set_config('client_encoding', 'LATIN1', false)");
    record.run('b', "INSERT INTO log VALUES ('b')");
    record.run('a', "SET client_encoding TO 'LATIN9'");
    record.run('a', "SELECT set_config('client_encoding', 'LATIN1', false)");
    const run = await bench.run(target, { window: await record.store(bench.journal), ordering, inFlight });
    expect(run.replay).toMatchObject({ state: 'COMPLETED', summary: { succeeded: 8 } });
    expect((await target.sql('SELECT who FROM log')).sort()).toEqual(['b', 'ö', 'ü']);
  },
);
