import { expect, it } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { exampleFile, failures, importExample, openBench, run } from './ids-support.ts';

it.each([
  {
    name: 'shop',
    remarks: [
      'generated ids of public.orders_id_seq: 411 statements drew from it: 411 confirmed by later statements',
      'generated ids of public.ticket: 9 statements drew from it: 9 by their order in the record alone',
    ],
  },
  { name: 'pgbench', remarks: [] },
])(
  '$name in COMMIT ordering reaches the fingerprint of its source without a new failure',
  async ({ name, remarks }) => {
    const bench = await openBench();
    const target = await createTestDatabase();
    try {
      const window = await importExample(bench, name);
      await run(target, await exampleFile(name, 'schema.sql'));
      const replayed = await bench.replay(target, window);
      expect(replayed.replay.state).toBe('COMPLETED');
      expect(failures(replayed)).toEqual([]);
      expect(replayed.replay.summary.divergences.NEW_FAILURE).toBe(0);
      const fingerprint = await run(target, await exampleFile(name, 'fingerprint.sql'));
      expect(fingerprint).toBe((await exampleFile(name, 'fingerprint.expected')).trimEnd());
      expect(replayed.report?.remarks).toEqual(remarks);
    } finally {
      await target.drop();
      await bench.close();
    }
  },
);
