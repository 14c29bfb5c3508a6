import { expect, test } from 'vitest';
import type { Value } from '../../src/journal/value.ts';
import { refusalOf } from '../../src/replay/refusal.ts';

const text = (value: string): Value => ({ kind: 'text', value, oid: null });
const refused = (statement: string, parameters: readonly Value[] = [], readOnly = true) =>
  refusalOf({ statement, parameters, unreplayable: null }, { readOnly });

test.each([
  'BEGIN READ  WRITE',
  'begin read /* quietly */ write',
  'START TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ -- as before\n WRITE',
  'SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE',
  'SET default_transaction_read_only = off',
  'SET "Transaction_Read_Only" TO off',
  'SET U&"default_transaction\\005fread_only" = off',
  'SET U&"default_transaction!005fread!+00005fonly" UESCAPE \'!\' = off',
  "SELECT set_config('TRANSACTION_READ_ONLY', 'off', false)",
  "SELECT set_config(E'transaction\\x5fread_only', 'off', false)",
  "SELECT set_config(E'transaction\\137read_only', 'off', false)",
  "SELECT set_config(U&'transaction\\005fread_only', 'off', false)",
  "SELECT set_config('default_transaction_' /* and */ || 'read_only', 'off', false)",
  "SELECT set_config('default_transaction_'\n'read_only', 'off', false)",
  'DO $$ BEGIN SET TRANSACTION READ /**/ WRITE; END $$',
  "DO $$ BEGIN EXECUTE 'SET TRANSACTION READ' /**/ ' WRITE'; EXECUTE 'SET TRANSACTION READ /**/ WRITE'; END $$",
  'RESET default_transaction_read_only',
])('a read-only run does not send %j', (statement) => {
  expect(refused(statement)).toBe('READ_ONLY');
  expect(refused(statement, [], false)).toBeNull();
});

test('a read-only run does not send a parameter that names the setting, or holds the words', () => {
  const call = 'SELECT set_config($1, $2, false)';
  expect(refused(call, [text('default_transaction_read_only'), text('off')])).toBe('READ_ONLY');
  expect(refused(call, [text('Transaction_Read_Only'), text('off')])).toBe('READ_ONLY');
  expect(refused('SELECT run($1)', [{ kind: 'array', items: [text('BEGIN READ /**/ WRITE')] }])).toBe('READ_ONLY');
  expect(refused(call, [text('work_mem'), text('1MB')])).toBeNull();
});

test.each([
  'BEGIN READ ONLY',
  "SELECT * FROM book WHERE state = 'read' AND write",
  'SELECT can_read, write FROM acl -- read write',
  "SELECT 'C:\\\\read\\\\only', U&'\\0041'",
  'SHOW server_version',
])('a read-only run sends %j', (statement) => {
  expect(refused(statement)).toBeNull();
});
