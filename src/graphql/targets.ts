import type { TargetCheck, TargetRole } from '../replay/target-check.ts';
import type { PublicAlias } from '../target/policy.ts';
import { builder } from './builder.ts';
import { asData, ErrorInterface, Refusal, resultOf } from './errors.ts';
import { TargetInput, TlsModeEnum, targetOf } from './replay-input.ts';

const TargetRef = builder.objectRef<PublicAlias>('Target').implement({
  description: 'A target of the configuration. Its password and certificates are never given out.',
  fields: (t) => ({
    alias: t.exposeString('alias', { description: 'Its name, as `TargetInput.alias` takes it.' }),
    host: t.exposeString('host', { description: 'Host name, address, or directory of a Unix socket.' }),
    port: t.exposeInt('port', { description: 'Port.' }),
    database: t.exposeString('database', { description: 'Database that a replay logs in to unless it names another.' }),
    user: t.exposeString('user', { description: 'Login that a replay uses unless it names another.' }),
    tls: t.expose('tls', { type: TlsModeEnum, description: 'How TLS is used towards it.' }),
    refusal: t.field({
      type: ErrorInterface,
      nullable: true,
      description:
        "Why policy would refuse a replay against it now: it is the journal's own database, its name does not resolve; " +
        'null when it is allowed. Nothing is connected to.',
      resolve: async (alias, _args, { engine }) => {
        const error = await engine.targetRefusal(alias);
        return error && new Refusal(error);
      },
    }),
  }),
});

builder.queryField('targets', (t) =>
  t.field({
    type: [TargetRef],
    description: 'The targets of the configuration, by their aliases.',
    resolve: (_root, _args, { engine }) => [...engine.targets()],
  }),
);

const TargetRoleRef = builder.objectRef<TargetRole>('TargetRole').implement({
  description: 'What the login may do on the target, as far as a replay depends on it.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Its name.' }),
    superuser: t.exposeBoolean('superuser', { description: 'Whether it may do everything.' }),
    bypassesRowSecurity: t.exposeBoolean('bypassesRowSecurity', {
      description: 'Whether it sees rows that row-level security hides from the recorded users.',
    }),
    connectionLimit: t.exposeInt('connectionLimit', {
      nullable: true,
      description: 'Connections that it may have at once; null: as many as the server takes.',
    }),
  }),
});

const TargetCheckRef = builder.objectRef<TargetCheck>('TargetCheck').implement({
  description: 'What a target says of itself, found out by one connection that changes nothing.',
  fields: (t) => ({
    target: t.string({
      description: 'The target as resolved, without credentials: `host:port/database`.',
      resolve: ({ targetLabel }) => targetLabel,
    }),
    address: t.exposeString('address', {
      nullable: true,
      description: 'The IP address that policy has passed and that was connected to; null for a Unix socket.',
    }),
    serverVersion: t.exposeString('serverVersion', { description: 'Its `server_version`.' }),
    encrypted: t.exposeBoolean('encrypted', { description: 'Whether the connection was encrypted.' }),
    connectMs: t.exposeFloat('connectMs', { description: 'Milliseconds to connect and log in.' }),
    roundTripMs: t.exposeFloat('roundTripMs', { description: 'Milliseconds of one small query, there and back.' }),
    inRecovery: t.exposeBoolean('inRecovery', { description: 'Whether it is a standby, which refuses writes.' }),
    readOnlyByDefault: t.exposeBoolean('readOnlyByDefault', {
      description: 'Whether sessions of this login are read-only unless they say otherwise: writes fail with 25006.',
    }),
    otherSessions: t.expose('otherSessions', {
      type: 'SafeInt',
      description: "Other client sessions in the target's database.",
    }),
    freeConnections: t.expose('freeConnections', {
      type: 'SafeInt',
      description: 'Connections that the server would still take.',
    }),
    role: t.field({ type: TargetRoleRef, description: 'The login.', resolve: ({ role }) => role }),
  }),
});

const CheckTargetResult = resultOf('CheckTargetResult', TargetCheckRef);

builder.queryField('checkTarget', (t) =>
  t.field({
    type: CheckTargetResult,
    description:
      'Connects to a target under the policy that replays are under, and asks it what it is; changes nothing. ' +
      '`preflightReplay` tells what a run would meet.',
    args: {
      target: t.arg({ type: TargetInput, required: true, description: 'The target, as `startReplay` takes it.' }),
    },
    resolve: (_root, { target }, { engine }) => asData(async () => engine.checkTarget(targetOf(target, ['target']))),
  }),
);
