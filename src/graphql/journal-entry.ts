import { decodeEntryCursor, encodeEntryCursor } from '../journal/cursor.ts';
import type { Entry, EntryOutcome, UnreplayableReason } from '../journal/entry.ts';
import type { Transaction, TransactionStatus } from '../journal/transaction.ts';
import { checkFilter, checkWindow } from '../journal/window.ts';
import { builder, enumOf } from './builder.ts';
import { connection, connectionOf, inRange } from './connection.ts';
import {
  EntryFilterInput,
  EntryOutcomeStatusEnum,
  filterOfInput,
  ProtocolEnum,
  StatementTypeEnum,
  WindowInput,
} from './journal-input.ts';
import { NodeInterface } from './node.ts';
import { Parameter } from './parameter.ts';

const UnreplayableReasonEnum = enumOf<UnreplayableReason>(
  'UnreplayableReason',
  'Why a replay cannot send a statement as it was.',
  {
    COPY_DATA: 'COPY … FROM STDIN: its data is not in a server log.',
    FASTPATH: 'A fastpath function call, which has no SQL text.',
    PARAMETERS_NOT_LOGGED: 'It has parameters that the server did not log.',
    TRUNCATED: 'Text or parameters were cut.',
  },
);

const EntryOutcomeRef = builder.objectRef<EntryOutcome>('EntryOutcome').implement({
  description: 'How a recorded statement ended on the source.',
  fields: (t) => ({
    status: t.expose('status', { type: EntryOutcomeStatusEnum, description: 'Whether it was carried out.' }),
    sqlstate: t.string({
      nullable: true,
      description: 'SQLSTATE of a failure, else null.',
      resolve: (outcome) => (outcome.status === 'FAILED' ? outcome.sqlstate : null),
    }),
    message: t.string({
      nullable: true,
      description: 'Message of a failure, else null.',
      resolve: (outcome) => (outcome.status === 'FAILED' ? outcome.message : null),
    }),
  }),
});

const TransactionStatusEnum = enumOf<TransactionStatus>('TransactionStatus', 'What became of a recorded transaction.', {
  OPEN: 'It has not ended, or the record does not show its end.',
  COMMITTED: 'It was committed and has a place in the commit order.',
  ROLLED_BACK: 'It was rolled back, by the client or by its end.',
});

export const JournalEntry = builder.objectRef<Entry>('JournalEntry');
const JournalEntryConnection = connectionOf(JournalEntry, 'entries of the journal');
export const JournalTransaction = builder.objectRef<Transaction>('JournalTransaction');

JournalEntry.implement({
  description: 'One recorded statement: who ran it, when, with which parameters, with what outcome.',
  interfaces: [NodeInterface],
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'statement' in value && 'arrival' in value,
  fields: (t) => ({
    id: t.id({
      description: 'Its place in the journal: `<transactionId>/<sequence>`. Never changes.',
      resolve: (entry) => `${entry.transactionId}/${entry.sequence}`,
    }),
    transactionId: t.expose('transactionId', { type: 'UUID', description: 'The transaction that it belongs to.' }),
    sequence: t.expose('sequence', { type: 'SafeInt', description: 'Its place in the transaction, gapless from 1.' }),
    transaction: t.field({
      type: JournalTransaction,
      nullable: true,
      description: 'The transaction itself; null when it was evicted meanwhile.',
      resolve: (entry, _args, { loaders }) => loaders.transaction.load(entry.transactionId),
    }),
    nodeId: t.string({ description: 'The server or node that it ran on.', resolve: (entry) => entry.origin.nodeId }),
    sessionId: t.string({ description: 'The recorded client connection.', resolve: (entry) => entry.origin.sessionId }),
    user: t.string({
      nullable: true,
      description: 'Database user; null when unknown.',
      resolve: (entry) => entry.origin.user,
    }),
    database: t.string({
      nullable: true,
      description: 'Database; null when unknown.',
      resolve: (entry) => entry.origin.database,
    }),
    application: t.string({
      nullable: true,
      description: '`application_name` of the connection; null when unknown.',
      resolve: (entry) => entry.origin.application,
    }),
    timestamp: t.expose('timestamp', { type: 'Timestamp', description: 'Start of its execution.' }),
    statement: t.exposeString('statement', { description: 'Its text, as the client sent it.' }),
    protocol: t.expose('protocol', { type: ProtocolEnum, description: 'How the client sent it.' }),
    preparedName: t.exposeString('preparedName', {
      nullable: true,
      description: 'Name of its prepared statement; null for the unnamed one and for SIMPLE.',
    }),
    parameters: t.field({
      type: [Parameter],
      description: 'Its parameters, `$1` first.',
      resolve: (entry) => [...entry.parameters],
    }),
    statementType: t.expose('statementType', { type: StatementTypeEnum, description: 'What it does.' }),
    durationMs: t.exposeFloat('durationMs', {
      nullable: true,
      description: 'Milliseconds that it took; null when unknown.',
    }),
    rows: t.expose('rows', {
      type: 'SafeInt',
      nullable: true,
      description: 'Rows returned or affected; null when unknown (server logs never say).',
    }),
    checksum: t.exposeString('checksum', {
      nullable: true,
      description: 'Digest of its result rows, lower-case hex; null when unknown.',
    }),
    outcome: t.field({ type: EntryOutcomeRef, description: 'How it ended.', resolve: (entry) => entry.outcome }),
    unreplayable: t.expose('unreplayable', {
      type: UnreplayableReasonEnum,
      nullable: true,
      description: 'Why a replay skips it; null when it can be replayed.',
    }),
  }),
});

JournalTransaction.implement({
  description: 'The entries between BEGIN and COMMIT or ROLLBACK of one session, or one statement outside of them.',
  interfaces: [NodeInterface],
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'commitSeq' in value && 'autocommit' in value,
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Its UUID.' }),
    position: t.expose('position', {
      type: 'BigInt',
      description: 'Its place in the order of beginnings: unique, increasing, never changed.',
    }),
    status: t.expose('status', { type: TransactionStatusEnum, description: 'What became of it.' }),
    autocommit: t.exposeBoolean('autocommit', {
      description: 'True for a statement outside of BEGIN … COMMIT, which is a transaction of its own.',
    }),
    nodeId: t.string({ description: 'The server or node that it ran on.', resolve: ({ origin }) => origin.nodeId }),
    sessionId: t.string({ description: 'The recorded client connection.', resolve: ({ origin }) => origin.sessionId }),
    user: t.string({
      nullable: true,
      description: 'Database user; null when unknown.',
      resolve: ({ origin }) => origin.user,
    }),
    database: t.string({
      nullable: true,
      description: 'Database; null when unknown.',
      resolve: ({ origin }) => origin.database,
    }),
    application: t.string({
      nullable: true,
      description: '`application_name` of the connection; null when unknown.',
      resolve: ({ origin }) => origin.application,
    }),
    startedAt: t.expose('startedAt', { type: 'Timestamp', description: 'When it began.' }),
    endedAt: t.expose('endedAt', { type: 'Timestamp', nullable: true, description: 'When it ended; null while OPEN.' }),
    commitSeq: t.expose('commitSeq', {
      type: 'BigInt',
      nullable: true,
      description: 'Its place in the commit order, gapless from 1; null unless COMMITTED.',
    }),
    entryCount: t.expose('entryCount', { type: 'SafeInt', description: 'Entries that it holds.' }),
    byteCount: t.expose('byteCount', { type: 'SafeInt', description: 'Bytes of their texts and parameters.' }),
    entries: t.field({
      type: JournalEntryConnection,
      description: 'Its entries, by sequence.',
      args: {
        first: t.arg.int({ required: true, defaultValue: 100, description: 'Most entries of the page, 1 to 1,000.' }),
        after: t.arg({ type: 'Cursor', description: 'Only entries later than this one.' }),
      },
      resolve: async (transaction, { first, after }, { journal }) => {
        inRange('first', first, 1, 1000);
        const sequence = after == null ? 0 : decodeEntryCursor(after, ['after']).sequence;
        const page = await journal.transactionEntries(transaction.id, sequence, first);
        return connection(page.entries, encodeEntryCursor, page.hasMore, after);
      },
    }),
  }),
});

builder.queryField('journalEntries', (t) =>
  t.field({
    type: JournalEntryConnection,
    description:
      'Entries of a window in the one total order of the journal. Every page costs the same; pages neither repeat ' +
      'nor miss an entry, whatever is recorded meanwhile.',
    args: {
      window: t.arg({ type: WindowInput, required: true, description: 'Which span of recorded time.' }),
      filter: t.arg({ type: EntryFilterInput, description: 'Which entries of it; default: all.' }),
      first: t.arg.int({ required: true, defaultValue: 100, description: 'Most entries of the page, 1 to 1,000.' }),
      after: t.arg({ type: 'Cursor', description: 'Only entries later than this one.' }),
    },
    resolve: async (_root, { window, filter, first, after }, { journal }) => {
      inRange('first', first, 1, 1000);
      const key = after == null ? null : decodeEntryCursor(after, ['after']);
      const page = await journal.page(checkWindow(window), checkFilter(filterOfInput(filter)), key, first);
      return connection(page.entries, encodeEntryCursor, page.hasMore, after);
    },
  }),
);

builder.queryField('journalTransaction', (t) =>
  t.field({
    type: JournalTransaction,
    nullable: true,
    description: 'A recorded transaction; null when the journal holds none with this id.',
    args: { id: t.arg({ type: 'UUID', required: true, description: 'Its UUID.' }) },
    resolve: (_root, { id }, { journal }) => journal.transaction(id),
  }),
);
