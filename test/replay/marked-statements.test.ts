import { describe, expect, it } from 'vitest';
import { classifyStatement } from '../../src/journal/statement-type.ts';
import { MAY, mayDo } from '../../src/replay/marked-statements.ts';

const of = (statement: string) => mayDo(statement, classifyStatement(statement));

describe('a transaction may run under another role behind', () => {
  it.each([
    'set role app',
    'SET\tLOCAL/* who */ROLE app',
    'SET "role" TO app',
    'SET ROLE "read"',
    'SET SESSION AUTHORIZATION app',
    'SET LOCAL session_authorization = app',
    "SELECT set_config('role', 'app', false)",
    "SELECT pg_catalog.set_config ( 'Session_Authorization' , $1, true)",
    "SELECT set_config(E'r\\x6fle', 'app', true)",
    "SELECT set_config('ro' || 'le', 'app', true)",
    'SELECT set_config($1, $2, true)',
    'SELECT set_config(name, setting, false) FROM app.settings',
    "SELECT set_config('app.tenant', '1', true), set_config('role', 'app', true)",
    'DO $$BEGIN SET LOCAL ROLE app; END$$',
    "DO $$BEGIN EXECUTE 'set role ' || quote_ident('app'); END$$",
    'PREPARE become AS SELECT set_config($1, $2, false)',
    'INSERT INTO ran VALUES (1); SET ROLE app',
    'BEGIN; SET LOCAL ROLE app',
  ])('%s', (statement) => {
    expect(of(statement) & MAY.CHANGE_ROLE).not.toBe(0);
  });
});

describe('a transaction is marked by a plain UPDATE behind', () => {
  it.each([
    "SET search_path = 'app'",
    'SET LOCAL statement_timeout = 0',
    "SELECT pg_catalog.set_config('search_path', '', false)",
    "SELECT set_config('app.role_id', $1, true)",
    'SELECT role FROM users ORDER BY role',
    "UPDATE users SET role = 'admin'",
    "INSERT INTO users VALUES (1, 'set role read only')",
    'BEGIN ISOLATION LEVEL REPEATABLE READ',
    'RESET ALL',
  ])('%s', (statement) => {
    expect(of(statement)).toBe(0);
  });
});
