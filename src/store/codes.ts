import type { EntryOutcome, Protocol, StatementType, UnreplayableReason } from '../journal/entry.ts';
import type { TransactionStatus } from '../journal/transaction.ts';

// Numbers as stored. They are fixed for good and independent of the order in which the words are declared.

const STATEMENT_TYPE = {
  SELECT: 0,
  INSERT: 1,
  UPDATE: 2,
  DELETE: 3,
  DDL: 4,
  TRANSACTION: 5,
  SET: 6,
  OTHER: 7,
} as const satisfies Record<StatementType, number>;
const PROTOCOL = { SIMPLE: 0, EXTENDED: 1 } as const satisfies Record<Protocol, number>;
const OUTCOME = { SUCCEEDED: 0, FAILED: 1, UNKNOWN: 2 } as const satisfies Record<EntryOutcome['status'], number>;
const STATUS = { OPEN: 0, COMMITTED: 1, ROLLED_BACK: 2 } as const satisfies Record<TransactionStatus, number>;
const UNREPLAYABLE = { COPY_DATA: 0, FASTPATH: 1, PARAMETERS_NOT_LOGGED: 2, TRUNCATED: 3 } as const satisfies Record<
  UnreplayableReason,
  number
>;

/** Both directions of one set of codes. */
export interface Codec<Word extends string> {
  encode(word: Word): number;
  decode(code: number): Word;
}

function codec<Word extends string>(codes: Readonly<Record<Word, number>>, what: string): Codec<Word> {
  const words: (Word | undefined)[] = [];
  for (const [word, code] of Object.entries<number>(codes)) words[code] = word as Word;
  return {
    encode: (word) => codes[word],
    decode: (code) => {
      const word = words[code];
      if (word === undefined) throw new Error(`the store holds the unknown ${what} ${code}: a newer version wrote it`);
      return word;
    },
  };
}

export const statementTypeCode = codec<StatementType>(STATEMENT_TYPE, 'statement type');
export const protocolCode = codec<Protocol>(PROTOCOL, 'protocol');
export const outcomeCode = codec<EntryOutcome['status']>(OUTCOME, 'outcome');
export const statusCode = codec<TransactionStatus>(STATUS, 'transaction status');
export const unreplayableCode = codec<UnreplayableReason>(UNREPLAYABLE, 'reason');
