import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { Seams } from '../../src/capture/seams.ts';
import { HandMadeRecord } from '../support/record.ts';
import { useBench } from '../support/replay.ts';

const bench = useBench();

it('what an import has brought itself is not taken for that of another, though its session runs it again in the same millisecond', async () => {
  const record = new HandMadeRecord();
  const { transactionId } = record.run('a', 'SELECT 1');
  const again = randomUUID();
  const seam = {
    nodeId: 'db-1',
    sessionId: record.sessionId('a'),
    from: record.start,
    to: record.start + 999,
    statement: 'SELECT 1',
  };
  const seams = new Seams(bench.journal);
  await seams.look([{ ...seam, transactionId }]);
  await record.store(bench.journal);
  await seams.look([{ ...seam, transactionId: again }]);
  const ended = [{ transactionId: again, status: 'COMMITTED', at: record.start }] as const;
  expect(seams.without({ ended })).toEqual({ ended });

  // Another import, which has not brought the first, takes both for one.
  const other = new Seams(bench.journal);
  await other.look([{ ...seam, transactionId: again }]);
  expect(other.without({ ended }).ended).toEqual([]);
});
