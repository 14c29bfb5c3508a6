import type { Micros, Protocol, StatementType } from '../journal/entry.ts';
import type { EntryFilter, Window } from '../journal/window.ts';
import { builder, enumOf } from './builder.ts';
import { present } from './connection.ts';

export const StatementTypeEnum = enumOf<StatementType>(
  'StatementType',
  'What a statement does, decided on its tokens: `WITH … INSERT` is INSERT, a leading comment changes nothing.',
  {
    SELECT: 'Reads rows (also VALUES, TABLE, SHOW, FETCH, EXPLAIN).',
    INSERT: 'Adds rows (also COPY … FROM).',
    UPDATE: 'Changes rows (also MERGE).',
    DELETE: 'Removes rows (also TRUNCATE).',
    DDL: 'Changes objects or privileges (also SELECT … INTO, REFRESH, COMMENT).',
    TRANSACTION: 'Begins, ends or marks a transaction (also PREPARE TRANSACTION).',
    SET: 'Changes settings of the session.',
    OTHER: 'Anything else, and what cannot be told from the text (CALL, DO, EXECUTE, VACUUM, LOCK).',
  },
);

export const ProtocolEnum = enumOf<Protocol>('Protocol', 'How the recorded client sent the statement.', {
  SIMPLE: 'One Query message, which may hold several statements and has no parameters.',
  EXTENDED: 'Parse, Bind, Execute: one statement, parameters apart.',
});

export const EntryOutcomeStatusEnum = enumOf<'SUCCEEDED' | 'FAILED' | 'UNKNOWN'>(
  'EntryOutcomeStatus',
  'How a recorded statement ended on the source.',
  {
    SUCCEEDED: 'It was carried out.',
    FAILED: 'The server refused it; SQLSTATE and message are recorded.',
    UNKNOWN: 'The record ends before the outcome does.',
  },
);

export const WindowInput = builder.inputRef<Window>('WindowInput').implement({
  description:
    'A window of recorded time, inclusive at both ends, in microseconds. `from` must not be later than `to`.',
  fields: (t) => ({
    from: t.field({ type: 'Timestamp', required: true, description: 'First microsecond.' }),
    to: t.field({ type: 'Timestamp', required: true, description: 'Last microsecond.' }),
  }),
});

export const WindowRef = builder.objectRef<Window>('Window').implement({
  description: 'A window of recorded time, inclusive at both ends.',
  fields: (t) => ({
    from: t.expose('from', { type: 'Timestamp', description: 'First microsecond.' }),
    to: t.expose('to', { type: 'Timestamp', description: 'Last microsecond.' }),
  }),
});

export const EntryFilterInput = builder.inputType('EntryFilterInput', {
  description: 'Which entries to take: every given field must match, in a list (of at most 10,000) any one of it.',
  fields: (t) => ({
    sessionIds: t.stringList({ description: 'Ids of recorded sessions.' }),
    transactionIds: t.field({ type: ['UUID'], description: 'Ids of recorded transactions.' }),
    databases: t.stringList({ description: 'Names of recorded databases.' }),
    users: t.stringList({ description: 'Names of recorded users.' }),
    applications: t.stringList({ description: 'Recorded values of `application_name`.' }),
    statementTypes: t.field({ type: [StatementTypeEnum], description: 'What the statements do.' }),
    text: t.string({ description: 'A part of the statement text, of 1 to 10,000 characters, in any case of letters.' }),
    textExcludes: t.string({
      description: 'What the statement text must not hold, of 1 to 10,000 characters, in any case of letters.',
    }),
    outcome: t.field({ type: EntryOutcomeStatusEnum, description: 'How the statement ended on the source.' }),
    minDurationMs: t.float({
      description: 'Statements that took at least this many milliseconds, 0 or more; unknown durations do not match.',
    }),
  }),
});

export const EntryFilterRef = builder.objectRef<EntryFilter>('EntryFilter').implement({
  description: 'Which entries are taken; null fields take all.',
  fields: (t) => ({
    sessionIds: t.stringList({
      nullable: true,
      description: 'Ids of recorded sessions.',
      resolve: ({ sessionIds }) => sessionIds && [...sessionIds],
    }),
    transactionIds: t.field({
      type: ['UUID'],
      nullable: true,
      description: 'Ids of recorded transactions.',
      resolve: ({ transactionIds }) => transactionIds && [...transactionIds],
    }),
    databases: t.stringList({
      nullable: true,
      description: 'Names of recorded databases.',
      resolve: ({ databases }) => databases && [...databases],
    }),
    users: t.stringList({
      nullable: true,
      description: 'Names of recorded users.',
      resolve: ({ users }) => users && [...users],
    }),
    applications: t.stringList({
      nullable: true,
      description: 'Recorded values of `application_name`.',
      resolve: ({ applications }) => applications && [...applications],
    }),
    statementTypes: t.field({
      type: [StatementTypeEnum],
      nullable: true,
      description: 'What the statements do.',
      resolve: ({ statementTypes }) => statementTypes && [...statementTypes],
    }),
    text: t.string({ nullable: true, description: 'A part of the text.', resolve: ({ text }) => text }),
    textExcludes: t.string({
      nullable: true,
      description: 'What the text must not hold.',
      resolve: ({ textExcludes }) => textExcludes,
    }),
    outcome: t.field({
      type: EntryOutcomeStatusEnum,
      nullable: true,
      description: 'How the statement ended on the source.',
      resolve: ({ outcome }) => outcome,
    }),
    minDurationMs: t.float({
      nullable: true,
      description: 'Least duration in milliseconds.',
      resolve: ({ minDurationMs }) => minDurationMs,
    }),
  }),
});

/** The journal's filter of an input. */
export function filterOfInput(input: typeof EntryFilterInput.$inferInput | null | undefined): EntryFilter {
  return input ? present(input) : {};
}

export const OriginInput = builder.inputType('OriginInput', {
  description: 'Who runs the statements. Each name has at most 1,000 characters, and no U+0000.',
  fields: (t) => ({
    nodeId: t.string({ description: 'The server or node that they run on; default: the node of this service.' }),
    sessionId: t.string({ required: true, description: 'One client connection; unique within its node.' }),
    user: t.string({ description: 'Name of the database user.' }),
    database: t.string({ description: 'Name of the database.' }),
    application: t.string({ description: 'The `application_name` of the connection.' }),
  }),
});

export const EntryOutcomeInput = builder.inputType('EntryOutcomeInput', {
  description: 'How the statement ended. Left out: it succeeded.',
  fields: (t) => ({
    status: t.field({ type: EntryOutcomeStatusEnum, required: true, description: 'How it ended.' }),
    sqlstate: t.string({ description: 'SQLSTATE of a failure, five characters; required with FAILED.' }),
    message: t.string({ description: 'Message of a failure.' }),
  }),
});

/** Fields that every kind of logged statement has. */
export interface Timing {
  timestamp?: Micros | null;
  durationMs?: number | null;
}
