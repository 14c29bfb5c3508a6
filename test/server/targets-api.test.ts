import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ReplayEngine } from '../../src/replay/engine.ts';
import { createTargetPolicy } from '../../src/target/policy.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { ask, type Backend, openBackend, startService, type TestService } from './support.ts';

const READER = { authorization: 'Bearer token-of-a-reader' };
const ROLE = `checked_${process.pid}_${randomBytes(4).toString('hex')}`;
const PASSWORD = 'a-password-that-nobody-must-see';

let backend: Backend;
let engine: ReplayEngine;
let service: TestService;
let target: TestDatabase;
let admin: Client;

beforeAll(async () => {
  [backend, target] = await Promise.all([openBackend(), createTestDatabase()]);
  admin = new Client({ connectionString: target.url });
  await admin.connect();
  await admin.query(`CREATE ROLE ${ROLE} LOGIN PASSWORD '${PASSWORD}' CONNECTION LIMIT 3`);
  await admin.query(`ALTER ROLE ${ROLE} SET default_transaction_read_only = on`);
  const { host, port, name: database } = target;
  const alias = { host, port, user: ROLE, password: PASSWORD, database, tls: 'DISABLE', ca: null } as const;
  engine = new ReplayEngine({
    journal: backend.journal,
    store: backend.replays,
    policy: createTargetPolicy({
      aliases: [
        { ...alias, alias: 'staging' },
        { ...alias, alias: 'journal', database: backend.database },
        { ...alias, alias: 'gone', port: 1 },
      ],
      allow: ['loopback'],
      forbidden: [{ host, port, database: backend.database, what: "the journal's own database" }],
    }),
    ownerId: 'targets',
    maxReplays: 1,
    journalFacts: async () => null,
    onStoreFailure: () => {},
  });
  service = await startService({ ...backend, engine }, { tokens: [{ token: 'token-of-a-reader', role: 'reader' }] });
});
afterAll(async () => {
  await service.stop();
  await engine.stop();
  await admin.query(`DROP ROLE ${ROLE}`);
  await admin.end();
  await backend.close();
  await target.drop();
});

const CHECK = `query ($target: TargetInput!) { checkTarget(target: $target) {
  __typename
  ... on TargetCheck { target address serverVersion encrypted connectMs roundTripMs inRecovery readOnlyByDefault
    otherSessions freeConnections role { name superuser bypassesRowSecurity connectionLimit } }
  ... on Error { code message path } } }`;
const check = async (input: object) => (await ask(service.url, CHECK, { target: input }, READER)).data.checkTarget;

describe('targets', () => {
  test('lists the aliases for a reader, with what policy says of each and without secrets', async () => {
    const query = '{ targets { alias host port database user tls refusal { __typename code message } } }';
    const { data } = await ask(service.url, query, {}, READER);
    expect(data.targets[0]).toEqual({
      alias: 'staging',
      host: target.host,
      port: target.port,
      database: target.name,
      user: ROLE,
      tls: 'DISABLE',
      refusal: null,
    });
    expect(data.targets[1].refusal).toMatchObject({ __typename: 'TargetError', code: 'TARGET_REFUSED' });
    expect(data.targets[1].refusal.message).toContain("the journal's own database");
    // Whether it answers is not policy's to say.
    expect(data.targets[2]).toMatchObject({ alias: 'gone', refusal: null });
    expect(JSON.stringify(data)).not.toContain(PASSWORD);
  });
});

describe('checkTarget', () => {
  test('tells version, times and what the login may do', async () => {
    const found = await check({ alias: 'staging' });
    expect(found).toMatchObject({
      __typename: 'TargetCheck',
      target: `${target.host}:${target.port}/${target.name}`,
      address: '127.0.0.1',
      encrypted: false,
      inRecovery: false,
      readOnlyByDefault: true,
      role: { name: ROLE, superuser: false, bypassesRowSecurity: false, connectionLimit: 3 },
    });
    expect(found.serverVersion).toMatch(/^\d+/);
    expect(found.connectMs).toBeGreaterThan(0);
    expect(found.roundTripMs).toBeGreaterThan(0);
    expect(found.otherSessions).toBeGreaterThanOrEqual(1);
    expect(found.freeConnections).toBeGreaterThan(0);
  });

  test('takes a target by host, with its password', async () => {
    const { host, port, user, password, name: database } = target;
    const found = await check({ host, port, user, password, database });
    expect(found).toMatchObject({ readOnlyByDefault: false, role: { superuser: true, bypassesRowSecurity: true } });
  });

  test.each([
    ['an alias that is not configured', { alias: 'nowhere' }, 'NotFoundError', 'TARGET_UNKNOWN'],
    ['an address that policy refuses', { host: '192.0.2.1' }, 'TargetError', 'TARGET_REFUSED'],
    ["the journal's own database", { alias: 'journal' }, 'TargetError', 'TARGET_REFUSED'],
    ['a port where nothing answers', { alias: 'gone' }, 'TargetError', 'TARGET_UNREACHABLE'],
    ['a wrong password', { alias: 'staging', password: 'wrong-password' }, 'TargetError', 'TARGET_UNREACHABLE'],
    ['an alias and a host', { alias: 'staging', host: '127.0.0.1' }, 'InputError', 'BAD_INPUT'],
    ['nothing', {}, 'InputError', 'BAD_INPUT'],
  ])('refuses %s as data', async (_what, input, family, code) => {
    const found = await check(input);
    expect(found).toMatchObject({ __typename: family, code });
    expect(found.message).not.toContain(PASSWORD);
    expect(found.message).not.toContain('wrong-password');
  });
});

describe('nodes', () => {
  test('finds several at once in the order of their ids, null where there is none', async () => {
    const { transactionId } = await backend.recorder.log({
      autocommit: { origin: { nodeId: null, sessionId: 's', user: null, database: null, application: null } },
      statement: 'SELECT 1',
      timestamp: Date.UTC(2026, 5, 1) * 1000,
    });
    const query = 'query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }';
    const { data } = await ask(service.url, query, { ids: ['nope', `${transactionId}/1`, transactionId] }, READER);
    expect(data.nodes).toEqual([
      null,
      { __typename: 'JournalEntry', id: `${transactionId}/1` },
      { __typename: 'JournalTransaction', id: transactionId },
    ]);
    const many = await ask(service.url, query, { ids: Array.from({ length: 101 }, () => 'x') }, READER);
    expect(many.errors[0]?.extensions['code']).toBe('LIMIT_EXCEEDED');
  });
});
