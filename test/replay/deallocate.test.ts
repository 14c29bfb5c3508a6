import { describe, expect, it } from 'vitest';
import { HandMadeRecord } from '../support/record.ts';
import { useBench } from '../support/replay.ts';

const bench = useBench();
const SCHEMA = 'CREATE TABLE t (x text)';
const insert = (x: string) => `INSERT INTO t VALUES ('${x}')`;

// As psycopg 3 and ActiveRecord do with what they have prepared by messages of the protocol.
describe.each(['TIMESTAMP', 'SESSION', 'COMMIT'] as const)('in %s ordering', (ordering) => {
  it('DEALLOCATE finds what the protocol has prepared, whichever connection has executed that', async () => {
    const record = new HandMadeRecord();
    record.run('a', insert('one'), { name: 'a1' });
    record.run('a', insert('two'), { name: '_pg3 "0"' });
    record.run('a', 'BEGIN');
    record.run('a', insert('three'));
    record.run('a', 'DEALLOCATE a1');
    record.run('a', 'DEALLOCATE PREPARE "_pg3 ""0""";', { parameters: [] });
    record.run('a', 'COMMIT');
    record.run('a', insert('four'), { name: 'a1' });
    await record.store(bench.journal);
    const target = await bench.target(SCHEMA);
    const run = await bench.run(target, { window: record.window(), ordering });
    expect(run.brief).toEqual(Array(8).fill('SUCCEEDED'));
    expect(await target.sql('SELECT x FROM t')).toEqual(['one', 'two', 'three', 'four']);
  });

  it('so it does where that was prepared before the window', async () => {
    const record = new HandMadeRecord();
    record.run('a', insert('before'), { name: 'a1', at: 0 });
    record.run('a', 'BEGIN', { at: 10 });
    record.run('a', 'DEALLOCATE a1');
    record.run('a', insert('kept'));
    record.run('a', 'COMMIT');
    await record.store(bench.journal);
    const target = await bench.target(SCHEMA);
    const run = await bench.run(target, { window: record.window(5), ordering });
    expect(run.brief).toEqual(Array(4).fill('SUCCEEDED'));
    expect(await target.sql('SELECT x FROM t')).toEqual(['kept']);
  });

  it('one that found nothing in the record finds nothing', async () => {
    const record = new HandMadeRecord();
    record.run('a', 'DEALLOCATE a1', { fails: '26000' });
    await record.store(bench.journal);
    const run = await bench.run(await bench.target(SCHEMA), { window: record.window(), ordering });
    expect(run.brief).toEqual(ordering === 'COMMIT' ? [] : ['FAILED 26000']);
  });
});
