import { RepriseError } from '../errors.ts';
import type { EntryOutcome } from '../journal/entry.ts';
import type { LogInput, Recorded, RecordedSavepoint } from '../journal/recorder.ts';
import { builder } from './builder.ts';
import { asData, resultOf } from './errors.ts';
import { JournalEntry, JournalTransaction } from './journal-entry.ts';
import { EntryOutcomeInput, OriginInput, ProtocolEnum, StatementTypeEnum } from './journal-input.ts';
import { ParameterInput, valueOfInput } from './parameter.ts';

const timestampText =
  "Start of its execution; default: now, later than what this service gave the session before. Not before the statement ahead of it in its transaction: then that one's time is taken.";
const durationText = 'Milliseconds that it took, 0 to 315360000000 (ten years); default: unknown.';
const sequenceText =
  'Its place in the transaction, 1 to 2147483646; default: the next. Given, the call can be repeated safely: the second answers as the first.';

const LoggedStatementRef = builder.objectRef<Recorded>('LoggedStatement').implement({
  description: 'A statement that the journal holds durably.',
  fields: (t) => ({
    transactionId: t.expose('transactionId', { type: 'UUID', description: 'Its transaction.' }),
    sequence: t.expose('sequence', { type: 'SafeInt', description: 'Its place in the transaction.' }),
    duplicate: t.exposeBoolean('duplicate', {
      description: 'True when the journal held it already: before this call, or by an earlier entry of it.',
    }),
    entry: t.field({
      type: JournalEntry,
      nullable: true,
      description: 'The entry as the journal keeps it; null when retention evicted it meanwhile.',
      resolve: ({ transactionId, sequence }, _args, { loaders }) => loaders.entry.load({ transactionId, sequence }),
    }),
  }),
});

interface Bulk {
  readonly accepted: number;
  readonly duplicates: number;
  readonly places: readonly Recorded[];
}

const LoggedStatementsRef = builder.objectRef<Bulk>('LoggedStatements').implement({
  description: 'Statements that the journal holds durably.',
  fields: (t) => ({
    accepted: t.exposeInt('accepted', { description: 'Statements that this call brought.' }),
    duplicates: t.exposeInt('duplicates', {
      description: 'Statements that the journal held already, by earlier entries of this call too.',
    }),
    statements: t.field({
      type: [LoggedStatementRef],
      description: 'Each statement, in the order given.',
      resolve: ({ places }) => [...places],
    }),
  }),
});

const SavepointRef = builder.objectRef<RecordedSavepoint>('Savepoint').implement({
  description: 'A savepoint, and the statement that did something to it.',
  fields: (t) => ({
    transactionId: t.expose('transactionId', { type: 'UUID', description: 'Its transaction.' }),
    name: t.exposeString('name', { description: 'Its name.' }),
    setAt: t.expose('setAt', { type: 'SafeInt', description: 'Sequence of the SAVEPOINT statement that set it.' }),
    sequence: t.expose('sequence', {
      type: 'SafeInt',
      description: 'Sequence of the statement that this call recorded.',
    }),
  }),
});

const BeginTransactionInput = builder.inputType('BeginTransactionInput', {
  description: 'A transaction that begins. BEGIN itself becomes its entry 1.',
  fields: (t) => ({
    id: t.field({
      type: 'UUID',
      description: 'Its UUID; default: a new one. A second begin with it answers with the same transaction.',
    }),
    origin: t.field({ type: OriginInput, required: true, description: 'Who runs it.' }),
    statement: t.string({ description: 'The statement that begins it; default `BEGIN`.' }),
    timestamp: t.field({ type: 'Timestamp', description: timestampText }),
    durationMs: t.float({ description: durationText }),
  }),
});

const EndTransactionInput = builder.inputType('EndTransactionInput', {
  description: 'A transaction that ends. COMMIT or ROLLBACK itself becomes its last entry.',
  fields: (t) => ({
    transactionId: t.field({ type: 'UUID', required: true, description: 'Which transaction.' }),
    sequence: t.field({ type: 'SafeInt', description: sequenceText }),
    timestamp: t.field({ type: 'Timestamp', description: timestampText }),
    durationMs: t.float({ description: durationText }),
  }),
});

const SavepointInput = builder.inputType('SavepointInput', {
  description: 'Something done to a savepoint.',
  fields: (t) => ({
    transactionId: t.field({ type: 'UUID', required: true, description: 'Which transaction.' }),
    name: t.string({
      required: true,
      description: 'Name of the savepoint, letters as they are; the newest of that name is meant.',
    }),
    sequence: t.field({ type: 'SafeInt', description: sequenceText }),
    timestamp: t.field({ type: 'Timestamp', description: timestampText }),
    durationMs: t.float({ description: durationText }),
  }),
});

const AutocommitInput = builder.inputType('AutocommitInput', {
  description: 'A statement outside of BEGIN … COMMIT: a transaction of its own.',
  fields: (t) => ({
    id: t.field({
      type: 'UUID',
      description: 'UUID of that transaction; default: a new one. Given, the call can be repeated safely.',
    }),
    origin: t.field({ type: OriginInput, required: true, description: 'Who runs it.' }),
  }),
});

const LogStatementInput = builder.inputType('LogStatementInput', {
  description: 'A statement that was executed: in the transaction `transactionId`, or with `autocommit`.',
  fields: (t) => ({
    transactionId: t.field({ type: 'UUID', description: 'The transaction that it belongs to; not with `autocommit`.' }),
    sequence: t.field({
      type: 'SafeInt',
      description: `${sequenceText} Required in \`logStatements\` with \`transactionId\`.`,
    }),
    autocommit: t.field({ type: AutocommitInput, description: 'Outside of a transaction; not with `transactionId`.' }),
    statement: t.string({ required: true, description: 'Its text, as the client sent it.' }),
    parameters: t.field({
      type: [ParameterInput],
      description: 'Its parameters, `$1` first, at most 65,535; default: none.',
    }),
    protocol: t.field({
      type: ProtocolEnum,
      description: 'How it was sent; default: EXTENDED with parameters or a prepared name, else SIMPLE.',
    }),
    preparedName: t.string({
      description: 'Name of its prepared statement, at most 1,000 characters; default: the unnamed one.',
    }),
    statementType: t.field({ type: StatementTypeEnum, description: 'What it does; default: as its tokens say.' }),
    timestamp: t.field({ type: 'Timestamp', description: timestampText }),
    durationMs: t.float({ description: durationText }),
    rows: t.field({ type: 'SafeInt', description: 'Rows returned or affected, 0 or more; default: unknown.' }),
    checksum: t.string({ description: 'Digest of its result rows, lower-case hex; default: unknown.' }),
    outcome: t.field({ type: EntryOutcomeInput, description: 'How it ended; default: it succeeded.' }),
  }),
});

const LogStatementsInput = builder.inputType('LogStatementsInput', {
  description: 'Statements to record together.',
  fields: (t) => ({
    entries: t.field({
      type: [LogStatementInput],
      required: true,
      description: 'At most 5,000. The variables of an operation hold at most 1,000,000 values in all.',
    }),
  }),
});

function originOf(given: typeof OriginInput.$inferInput) {
  return {
    nodeId: given.nodeId ?? null,
    sessionId: given.sessionId,
    user: given.user ?? null,
    database: given.database ?? null,
    application: given.application ?? null,
  };
}

function outcomeOf(
  given: typeof EntryOutcomeInput.$inferInput | null | undefined,
  path: readonly string[],
): EntryOutcome {
  if (given == null) return { status: 'SUCCEEDED' };
  if (given.status === 'FAILED')
    return { status: 'FAILED', sqlstate: given.sqlstate ?? '', message: given.message ?? '' };
  if (given.sqlstate != null || given.message != null) {
    throw new RepriseError('BAD_INPUT', `outcome: sqlstate and message belong to FAILED, not to ${given.status}`, {
      path: [...path, 'outcome'],
    });
  }
  return { status: given.status };
}

function logInputOf(given: typeof LogStatementInput.$inferInput, path: readonly string[]): LogInput {
  const { autocommit, parameters, outcome, ...rest } = given;
  return {
    ...rest,
    autocommit: autocommit == null ? null : { id: autocommit.id ?? null, origin: originOf(autocommit.origin) },
    parameters: (parameters ?? []).map((value, index) => valueOfInput(value, [...path, 'parameters', String(index)])),
    outcome: outcomeOf(outcome, path),
  };
}

const TransactionResult = resultOf('TransactionResult', JournalTransaction);
const LogStatementResult = resultOf('LogStatementResult', LoggedStatementRef);
const LogStatementsResult = resultOf('LogStatementsResult', LoggedStatementsRef);
const SavepointResult = resultOf('SavepointResult', SavepointRef);

builder.mutationField('beginTransaction', (t) =>
  t.field({
    type: TransactionResult,
    description: 'Records that a transaction begins. Returns when that is durable, as all of these do.',
    args: { input: t.arg({ type: BeginTransactionInput, required: true, description: 'The transaction.' }) },
    resolve: (_root, { input }, { recorder }) =>
      asData(async () => recorder.begin({ ...input, origin: originOf(input.origin) })),
  }),
);

builder.mutationField('logStatement', (t) =>
  t.field({
    type: LogStatementResult,
    description: 'Records one statement.',
    args: { input: t.arg({ type: LogStatementInput, required: true, description: 'The statement.' }) },
    resolve: (_root, { input }, { recorder }) => asData(async () => recorder.log(logInputOf(input, ['input']))),
  }),
);

builder.mutationField('logStatements', (t) =>
  t.field({
    type: LogStatementsResult,
    description: 'Records up to 5,000 statements, all or none of them.',
    args: { input: t.arg({ type: LogStatementsInput, required: true, description: 'The statements.' }) },
    resolve: (_root, { input }, { recorder }) =>
      asData(async () =>
        recorder.logAll(input.entries.map((entry, index) => logInputOf(entry, ['input', 'entries', String(index)]))),
      ),
  }),
);

builder.mutationField('createSavepoint', (t) =>
  t.field({
    type: SavepointResult,
    description: 'Records SAVEPOINT.',
    args: { input: t.arg({ type: SavepointInput, required: true, description: 'The savepoint.' }) },
    resolve: (_root, { input }, { recorder }) => asData(async () => recorder.savepoint(input)),
  }),
);

builder.mutationField('rollbackToSavepoint', (t) =>
  t.field({
    type: SavepointResult,
    description: 'Records ROLLBACK TO SAVEPOINT: the savepoint stays, those after it go. The entries stay too.',
    args: { input: t.arg({ type: SavepointInput, required: true, description: 'The savepoint.' }) },
    resolve: (_root, { input }, { recorder }) => asData(async () => recorder.rollbackTo(input)),
  }),
);

builder.mutationField('releaseSavepoint', (t) =>
  t.field({
    type: SavepointResult,
    description: 'Records RELEASE SAVEPOINT: the savepoint and those after it go.',
    args: { input: t.arg({ type: SavepointInput, required: true, description: 'The savepoint.' }) },
    resolve: (_root, { input }, { recorder }) => asData(async () => recorder.release(input)),
  }),
);

builder.mutationField('commitTransaction', (t) =>
  t.field({
    type: TransactionResult,
    description: 'Records COMMIT and gives the transaction its place in the commit order. Again, it changes nothing.',
    args: { input: t.arg({ type: EndTransactionInput, required: true, description: 'The transaction.' }) },
    resolve: (_root, { input }, { recorder }) => asData(async () => recorder.commit(input)),
  }),
);

builder.mutationField('rollbackTransaction', (t) =>
  t.field({
    type: TransactionResult,
    description: 'Records ROLLBACK. Nothing is deleted. Again, it changes nothing.',
    args: { input: t.arg({ type: EndTransactionInput, required: true, description: 'The transaction.' }) },
    resolve: (_root, { input }, { recorder }) => asData(async () => recorder.rollback(input)),
  }),
);
