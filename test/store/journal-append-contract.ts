import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import type { JournalLimits, JournalStore, Loss } from '../../src/journal/store.ts';
import { ALL, appendTransaction, begin, commit, entry, LONG, ORIGIN, START, type Subject } from './journal-fixtures.ts';

/** Transactions, append and limits: J1 to J4, J6, J14. */
export function appendContract(subject: Subject): void {
  let store: JournalStore;
  beforeEach(() => {
    store = subject.store();
  });
  const reopen = async (limits: Partial<JournalLimits>) => {
    store = await subject.reopen(limits);
  };

  describe('transactions', () => {
    it('gives positions at begin and gapless commit positions in the order of the ends (J1, J2)', async () => {
      const [a, b, c] = [randomUUID(), randomUUID(), randomUUID()];
      await store.append({ begun: [begin(a), begin(b), begin(c)] });
      await store.append({ ended: [commit(c, START + 9)] });
      await store.append({
        ended: [{ transactionId: a, status: 'ROLLED_BACK', at: START + 10 }, commit(b, START + 11)],
      });
      const found = await store.transactions([c, b, randomUUID(), a]);
      expect(found.map((one) => one?.commitSeq)).toEqual([1n, 2n, undefined, null]);
      expect(found.map((one) => one?.status)).toEqual(['COMMITTED', 'COMMITTED', undefined, 'ROLLED_BACK']);
      const positions = (await store.transactions([a, b, c])).map((one) => one?.position as bigint);
      expect(
        (positions[0] as bigint) < (positions[1] as bigint) && (positions[1] as bigint) < (positions[2] as bigint),
      ).toBe(true);
      expect(found[0]).toMatchObject({
        id: c,
        origin: ORIGIN,
        startedAt: START,
        endedAt: START + 9,
        autocommit: false,
      });
    });

    it('changes nothing when a transaction is begun or ended again in the same way, and refuses another way (J3)', async () => {
      const id = await appendTransaction(store, 2);
      const before = await store.transaction(id);
      await store.append({ begun: [begin(id, { startedAt: START + 5 })], ended: [commit(id, START + 99)] });
      expect(await store.transaction(id)).toEqual(before);
      const rollback = { transactionId: id, status: 'ROLLED_BACK' as const, at: START };
      await expect(store.append({ ended: [rollback] })).rejects.toMatchObject({ code: 'TRANSACTION_ENDED' });
      expect(await store.transaction(id)).toEqual(before);
    });

    it('takes no new entry for an ended transaction, and none for one that was never begun', async () => {
      const id = await appendTransaction(store, 2);
      await expect(store.append({ entries: [entry(id, 3)] })).rejects.toMatchObject({ code: 'TRANSACTION_ENDED' });
      await expect(store.append({ entries: [entry(randomUUID(), 1)] })).rejects.toMatchObject({
        code: 'TRANSACTION_NOT_FOUND',
      });
      await expect(store.append({ ended: [commit(randomUUID())] })).rejects.toMatchObject({
        code: 'TRANSACTION_NOT_FOUND',
      });
    });

    it('reads ids in any case and knows nothing of what is no UUID', async () => {
      const id = await appendTransaction(store, 1);
      expect((await store.transaction(id.toUpperCase()))?.id).toBe(id);
      expect(await store.transaction('no-uuid')).toBeNull();
      expect(await store.transactionEntries('no-uuid', 0, 10)).toEqual({ entries: [], hasMore: false });
      expect(await store.entriesByPlace([{ transactionId: 'no-uuid', sequence: 1 }])).toEqual([null]);
    });

    it('pages the entries of one transaction by sequence and finds entries by place', async () => {
      const id = await appendTransaction(store, 5);
      const other = await appendTransaction(store, 1);
      const page = await store.transactionEntries(id, 1, 3);
      expect(page.entries.map((one) => one.sequence)).toEqual([2, 3, 4]);
      expect(page.hasMore).toBe(true);
      expect((await store.transactionEntries(id, 4, 3)).hasMore).toBe(false);
      const found = await store.entriesByPlace([
        { transactionId: other, sequence: 1 },
        { transactionId: id, sequence: 9 },
        { transactionId: id, sequence: 5 },
        { transactionId: randomUUID(), sequence: 1 },
        { transactionId: other, sequence: 1 },
      ]);
      expect(found.map((one) => one && [one.transactionId, one.sequence])).toEqual([
        [other, 1],
        null,
        [id, 5],
        null,
        [other, 1],
      ]);
    });
  });

  describe('append', () => {
    it('refuses a gap, a place that holds another text, and keeps nothing of the batch (J4, J6)', async () => {
      const id = randomUUID();
      await store.append({ begun: [begin(id)], entries: [entry(id, 1)] });
      const other = randomUUID();
      const rest = {
        begun: [begin(other)],
        losses: [{ reason: 'TRUNCATED' as const, count: 1, from: null, to: null, source: null, detail: null }],
      };
      await expect(store.append({ ...rest, entries: [entry(id, 3)] })).rejects.toMatchObject({
        code: 'SEQUENCE_GAP',
      });
      await expect(
        store.append({ ...rest, entries: [entry(id, 2), entry(id, 1, { statement: 'DELETE' })] }),
      ).rejects.toMatchObject({
        code: 'SEQUENCE_CONFLICT',
      });
      expect(await store.transaction(other)).toBeNull();
      expect((await store.transaction(id))?.entryCount).toBe(1);
      expect((await store.coverage(ALL, 0)).losses).toEqual([]);
    });

    it('counts repeated entries as duplicates, within a batch, across batches and after the end', async () => {
      const id = randomUUID();
      const both = [entry(id, 1), entry(id, 2)];
      expect(await store.append({ begun: [begin(id)], entries: [...both, entry(id, 1)] })).toMatchObject({
        accepted: 2,
        duplicates: 1,
      });
      expect(await store.append({ entries: [...both, entry(id, 3)], ended: [commit(id)] })).toMatchObject({
        accepted: 1,
        duplicates: 2,
      });
      expect(await store.append({ begun: [begin(id)], entries: both, ended: [commit(id)] })).toMatchObject({
        accepted: 0,
        duplicates: 2,
      });
      expect((await store.page(ALL, {}, null, 10)).entries).toHaveLength(3);
    });

    it('completes an entry whose outcome was unknown, in place, and takes its loss back', async () => {
      const id = randomUUID();
      const unknown = entry(id, 1, { outcome: { status: 'UNKNOWN' } });
      const loss = {
        reason: 'OUTCOME_UNKNOWN' as const,
        count: 1,
        from: unknown.timestamp,
        to: unknown.timestamp,
        source: 'a.log:1',
        detail: null,
      };
      await store.append({ begun: [begin(id)], entries: [unknown], losses: [loss] });
      expect((await store.coverage(ALL, 0)).unknownOutcomes).toBe(1);
      const outcome = { status: 'FAILED' as const, sqlstate: '40001', message: 'could not serialize' };
      const known = entry(id, 1, { outcome, durationMs: 2.5, timestamp: START + 77 });
      expect(await store.append({ entries: [known, entry(id, 2)], ended: [commit(id)] })).toMatchObject({
        accepted: 1,
        duplicates: 1,
      });
      const [completed] = (await store.transactionEntries(id, 0, 1)).entries;
      expect(completed).toMatchObject({ outcome, durationMs: 2.5, timestamp: unknown.timestamp });
      expect(await store.append({ entries: [entry(id, 1, { outcome: { status: 'UNKNOWN' } })] })).toMatchObject({
        duplicates: 1,
      });
      expect((await store.transactionEntries(id, 0, 1)).entries[0]).toMatchObject({ outcome });
      expect(await store.coverage(ALL, 0)).toMatchObject({ unknownOutcomes: 0, losses: [] });
    });

    it('refuses malformed input by the path of its field and touches no neighbour', async () => {
      const good = appendTransaction(store, 1);
      const id = randomUUID();
      await expect(store.append({ begun: [begin('nope')] })).rejects.toMatchObject({
        code: 'BAD_INPUT',
        path: ['begun', '0', 'transactionId'],
      });
      for (const bad of [
        { timestamp: 0.5 },
        { timestamp: -1 },
        { sequence: 0 },
        { rows: 1.5 },
        { durationMs: Number.NaN },
      ]) {
        const batch = { begun: [begin(id)], entries: [entry(id, 1, bad)] };
        await expect(store.append(batch)).rejects.toMatchObject({
          code: 'BAD_INPUT',
          path: ['entries', '0', Object.keys(bad)[0]],
        });
      }
      expect(await store.transaction(await good)).not.toBeNull();
    });

    it('lets overlapping calls succeed and fail on their own, in call order', async () => {
      const ids = Array.from({ length: 40 }, () => randomUUID());
      const results = await Promise.allSettled(
        ids.flatMap((id, index) => [
          store.append({ begun: [begin(id)], entries: [entry(id, 1)] }),
          store.append({ entries: [entry(id, index % 4 === 0 ? 7 : 2)] }),
          store.append({ ended: [commit(id)] }),
        ]),
      );
      const failed = results.flatMap((result, index) => (result.status === 'rejected' ? [index] : []));
      expect(failed).toEqual(ids.flatMap((_, index) => (index % 4 === 0 ? [index * 3 + 1] : [])));
      const arrivals = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value.arrival] : []));
      expect(arrivals).toEqual(arrivals.map((_, index) => BigInt(index + 1)));
      const found = await store.transactions(ids);
      expect(found.map((one) => one?.commitSeq)).toEqual(ids.map((_, index) => BigInt(index + 1)));
    });

    it('keeps everything of an entry', async () => {
      const id = randomUUID();
      const full = entry(id, 1, {
        origin: { nodeId: 'nœud', sessionId: `s\t\\${LONG}`, user: null, database: null, application: LONG },
        statement: 'SELECT $1,\n\t$2 -- \\. \\N "ünïcode" 😀',
        protocol: 'EXTENDED',
        preparedName: 'q\\1',
        parameters: [
          { kind: 'int64', value: 2n ** 63n - 1n },
          { kind: 'bytes', value: new Uint8Array([0, 255]) },
          { kind: 'array', items: [{ kind: 'text', value: 'a\0b\ud800', oid: 25 }, { kind: 'null' }] },
          { kind: 'float64', value: Number.NaN },
          { kind: 'bool', value: false },
        ],
        statementType: 'OTHER',
        durationMs: 0.1,
        rows: Number.MAX_SAFE_INTEGER,
        checksum: 'ab12',
        outcome: { status: 'FAILED', sqlstate: '22012', message: 'division\nby zero' },
        unreplayable: 'COPY_DATA',
      });
      const { arrival } = await store.append({ begun: [begin(id)], entries: [full] });
      const position = (await store.transaction(id))?.position;
      expect((await store.page(ALL, {}, null, 1)).entries).toEqual([{ ...full, arrival, position }]);
    });

    it('replaces what PostgreSQL cannot store, marks the entry TRUNCATED and counts a loss', async () => {
      const id = randomUUID();
      const neighbour = appendTransaction(store, 1);
      const outcome = { status: 'FAILED' as const, sqlstate: '22021', message: 'bad \0 byte' };
      const bad = entry(id, 1, { statement: "SELECT 'a\0b\ud83d'", outcome, preparedName: '\0' });
      await store.append({ begun: [begin(id)], entries: [bad] });
      await neighbour;
      const [kept] = (await store.transactionEntries(id, 0, 1)).entries;
      expect(kept).toMatchObject({
        statement: "SELECT 'a\ufffdb\ufffd'",
        unreplayable: 'TRUNCATED',
        preparedName: '\ufffd',
      });
      expect(kept?.outcome).toEqual({ ...outcome, message: 'bad \ufffd byte' });
      expect((await store.coverage(ALL, 0)).losses).toMatchObject([
        { reason: 'TRUNCATED', count: 1, from: bad.timestamp },
      ]);
      expect(await store.append({ entries: [bad] })).toMatchObject({ duplicates: 1 });
    });
  });

  describe('limits', () => {
    it('refuses entries over the limit, and all later ones of the transaction, and counts them once (J14)', async () => {
      await reopen({ entriesPerTransaction: 2 });
      const id = randomUUID();
      const all = [1, 2, 3, 4].map((sequence) => entry(id, sequence));
      expect(await store.append({ begun: [begin(id)], entries: all })).toMatchObject({ accepted: 2, refused: 2 });
      expect(await store.append({ entries: [entry(id, 5)] })).toMatchObject({ accepted: 0, refused: 1 });
      expect(await store.append({ entries: all, ended: [commit(id)] })).toMatchObject({ duplicates: 2, refused: 2 });
      await expect(store.append({ entries: [entry(id, 7)] })).rejects.toMatchObject({ code: 'TRANSACTION_ENDED' });
      expect(await store.transaction(id)).toMatchObject({ entryCount: 2, status: 'COMMITTED' });
      expect((await store.coverage(ALL, 0)).losses).toEqual([
        {
          reason: 'REFUSED_TRANSACTION_TOO_LARGE',
          count: 3,
          from: START + 3,
          to: START + 5,
          source: `transaction ${id}`,
          detail: expect.any(String),
        },
      ]);
    });

    it('limits the bytes of a transaction, and nothing small slips in behind a refusal', async () => {
      await reopen({ bytesPerTransaction: 100 });
      const id = randomUUID();
      const entries = [
        entry(id, 1, { statement: 'x'.repeat(60) }),
        entry(id, 2, { statement: 'é'.repeat(30) }),
        entry(id, 3, { statement: 'x' }),
      ];
      expect(await store.append({ begun: [begin(id)], entries })).toMatchObject({ accepted: 1, refused: 2 });
      await expect(store.append({ entries: [entry(id, 5)] })).rejects.toMatchObject({ code: 'SEQUENCE_GAP' });
      expect(await store.transaction(id)).toMatchObject({ entryCount: 1, byteCount: 60 });
    });
  });

  describe('imports', () => {
    const checkpoint = (operations: number, finished = false) => ({
      importId: 'digest-1',
      operations,
      bytes: operations * 10,
      prefixDigest: `d${operations}`,
      finished,
      files: ['postgresql.log', 'ü.log'],
    });
    const losses = [{ reason: 'FASTPATH' as const, count: 1, from: START, to: START, source: 'a.log:1', detail: null }];

    it('keeps what it has where an import reads its log anew and finds other statements and ends, tells so, and goes on', async () => {
      const [id, later] = [randomUUID(), randomUUID()];
      const ended = (status: 'COMMITTED' | 'ROLLED_BACK') => [{ transactionId: id, status, at: START + 5 }];
      await store.append({
        begun: [begin(id)],
        entries: [entry(id, 1), entry(id, 2)],
        ended: ended('COMMITTED'),
        checkpoint: { ...checkpoint(3), importId: 'read-before' },
      });
      const anew = {
        begun: [begin(id), begin(later)],
        entries: [entry(id, 1), entry(id, 2, { statement: 'SELECT other' }), entry(id, 3), entry(later, 1)],
        ended: ended('ROLLED_BACK'),
        checkpoint: { ...checkpoint(6), importId: 'read-anew' },
      };
      const again = await store.append(anew);
      expect(again).toMatchObject({ accepted: 1, duplicates: 1, refused: 2 });
      expect(again.unplaced).toMatchObject([{ reason: 'EFFECT_UNCERTAIN', count: 3, source: `transaction ${id}` }]);
      expect(await store.transaction(id)).toMatchObject({ status: 'COMMITTED', entryCount: 2 });
      expect((await store.transactionEntries(id, 0, 9)).entries).toMatchObject([entry(id, 1), entry(id, 2)]);
      const { losses: counted } = await store.coverage(ALL, 0);
      expect(counted).toMatchObject([{ reason: 'EFFECT_UNCERTAIN', count: 3 }]);
      await store.append(anew);
      expect((await store.coverage(ALL, 0)).losses).toEqual(counted);
    });

    it('keeps the checkpoint with what it covers, and a repeated batch counts no loss twice', async () => {
      expect(await store.importCheckpoint('digest-1')).toBeNull();
      const id = randomUUID();
      const batch = { begun: [begin(id)], entries: [entry(id, 1)], losses, checkpoint: checkpoint(3) };
      await store.append(batch);
      expect(await store.importCheckpoint('digest-1')).toEqual(checkpoint(3));
      expect(await store.append(batch)).toMatchObject({ accepted: 0, duplicates: 1 });
      await store.append({ losses, checkpoint: checkpoint(2) });
      expect((await store.coverage(ALL, 0)).losses).toMatchObject([{ count: 1 }]);
      expect(await store.importCheckpoint('digest-1')).toEqual(checkpoint(3));
      await store.append({ losses, checkpoint: checkpoint(4) });
      await store.append({ checkpoint: checkpoint(4, true) });
      expect((await store.coverage(ALL, 0)).losses).toMatchObject([{ count: 2 }]);
      expect(await store.importCheckpoint('digest-1')).toEqual(checkpoint(4, true));
    });

    it('takes back what was lost only because the log ended, once the import goes on to a later end', async () => {
      const ended = (operations: number, bytes: number, count: number) => ({
        losses,
        lossesAtEnd: count === 0 ? [] : [{ ...(losses[0] as Loss), reason: 'TRUNCATED' as const, count }],
        checkpoint: { ...checkpoint(operations, true), bytes },
      });
      const counted = async () =>
        Object.fromEntries((await store.coverage(ALL, 0)).losses.map(({ reason, count }) => [reason, count]));
      await store.append(ended(3, 30, 2));
      expect(await counted()).toEqual({ FASTPATH: 1, TRUNCATED: 2 });
      await store.append(ended(3, 30, 2));
      expect(await counted()).toEqual({ FASTPATH: 1, TRUNCATED: 2 });
      // Of another log.
      const other = ended(3, 30, 4);
      await store.append({ ...other, checkpoint: { ...other.checkpoint, importId: 'digest-2' } });
      expect(await counted()).toEqual({ FASTPATH: 2, TRUNCATED: 6 });
      await store.append({ losses, checkpoint: checkpoint(5) });
      expect(await counted()).toEqual({ FASTPATH: 3, TRUNCATED: 6 });
      await store.append(ended(6, 60, 1));
      expect(await counted()).toEqual({ FASTPATH: 4, TRUNCATED: 5 });
      // The log has grown by nothing that is counted.
      await Promise.all([store.append(ended(6, 70, 3)), store.append(ended(6, 80, 0))]);
      expect(await counted()).toEqual({ FASTPATH: 4, TRUNCATED: 4 });
      await store.append(ended(6, 60, 1));
      expect(await counted()).toEqual({ FASTPATH: 4, TRUNCATED: 4 });
    });

    it('completes a statement that ran where the log ended, and leaves the losses that stay', async () => {
      const id = randomUUID();
      const unknown = entry(id, 1, { outcome: { status: 'UNKNOWN' } });
      const at = { count: 1, source: 'a.log:1', detail: null, reason: 'OUTCOME_UNKNOWN' as const };
      await store.append({
        begun: [begin(id)],
        entries: [unknown],
        losses: [{ ...at, from: unknown.timestamp, to: unknown.timestamp }],
        lossesAtEnd: [{ ...at, count: 2, from: START, to: START + 9_000_000 }],
        checkpoint: checkpoint(3, true),
      });
      await store.append({ entries: [entry(id, 1)], lossesAtEnd: [], checkpoint: checkpoint(5, true) });
      expect((await store.coverage(ALL, 0)).losses).toMatchObject([{ reason: 'OUTCOME_UNKNOWN', count: 1 }]);
    });

    it('does not move the checkpoint of a batch that is refused', async () => {
      await expect(
        store.append({ entries: [entry(randomUUID(), 1)], losses, checkpoint: checkpoint(1) }),
      ).rejects.toThrow();
      expect(await store.importCheckpoint('digest-1')).toBeNull();
    });
  });
}
