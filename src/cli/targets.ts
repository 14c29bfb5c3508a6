import type { Command } from 'commander';
import { CheckTargetDocument, type CheckTargetQuery, TargetsDocument, unwrap } from '../client/index.ts';
import { type CliContext, examples } from './context.ts';
import { count, duration, fields, type Io, json, table, usage } from './io.ts';
import { addServiceFlags, type ServiceFlags, serviceOf } from './service.ts';
import { addHostFlags, type TargetFlags, targetOf } from './target-options.ts';

type TestFlags = Omit<TargetFlags, 'target'> & ServiceFlags;
type Check = Extract<CheckTargetQuery['checkTarget'], { readonly __typename: 'TargetCheck' }>;

/** `targets`: what the configuration names, and whether one can be reached. */
export function addTargets(program: Command, context: CliContext): void {
  const targets = program.command('targets').description('what replays can run against');
  const list = targets
    .command('ls')
    .summary('list the configured targets')
    .description('Lists the targets that the service is configured with, and whether policy lets replays at them.');
  examples(list, 'reprise targets ls', 'reprise targets ls --json');
  addServiceFlags(list).action((flags: ServiceFlags) => listTargets(flags, context.io));

  const test = targets
    .command('test')
    .argument('[alias]', 'a configured target; or give --host')
    .summary('connect to a target and tell what it is')
    .description(
      'Lets the service connect to a target under its policy, and tells version, latency, whether it can be written to ' +
        'and what the login may do. Changes nothing. The exit status is 3 when policy refuses the target, 5 when it is out of reach.',
    );
  examples(
    test,
    'reprise targets test staging',
    'reprise targets test --host 127.0.0.1 --port 5433 --user app --password-env APP_PASSWORD --database shop',
  );
  addServiceFlags(addHostFlags(test)).action((alias: string | undefined, flags: TestFlags) =>
    testTarget(alias, flags, context.io),
  );
}

async function listTargets(flags: ServiceFlags, io: Io): Promise<void> {
  const { targets } = await serviceOf(io, flags).request(TargetsDocument, {}, io.signal);
  if (flags.json) return json(io, targets);
  if (targets.length === 0) {
    io.stdout.write('no targets are configured: set REPRISE_TARGETS, or name one by --host\n');
    return;
  }
  const rows = targets.map(({ alias, host, port, database, user, tls, refusal }) => [
    ...[alias, host, String(port), database, user, tls.toLowerCase().replace('_', '-')],
    refusal ? `refused: ${refusal.message}` : 'allowed',
  ]);
  io.stdout.write(`${table(['alias', 'host', 'port', 'database', 'user', 'tls', 'policy'], rows)}\n`);
}

async function testTarget(alias: string | undefined, flags: TestFlags, io: Io): Promise<void> {
  if (alias === undefined && flags.host === undefined) {
    throw usage('[alias]', 'is missing: name a configured target (`reprise targets ls`), or give --host');
  }
  if (alias !== undefined && flags.host !== undefined) throw usage('[alias]', 'excludes --host: give one of them');
  const target = await targetOf(alias === undefined ? flags : { ...flags, target: alias }, io);
  const found = unwrap((await serviceOf(io, flags).request(CheckTargetDocument, { target }, io.signal)).checkTarget);
  if (flags.json) json(io, found);
  else io.stdout.write(`${checkText(found)}\n`);
}

function checkText(found: Check): string {
  const { role } = found;
  const attributes = [
    role.superuser ? 'superuser' : 'no superuser',
    ...(role.bypassesRowSecurity && !role.superuser ? ['bypasses row security'] : []),
    ...(role.connectionLimit === null || role.connectionLimit === undefined
      ? []
      : [`${count(role.connectionLimit)} connections at most`]),
  ];
  return fields([
    ['target', found.address ? `${found.target} at ${found.address}` : found.target],
    ['server', `PostgreSQL ${found.serverVersion}`],
    ['latency', `${duration(found.connectMs)} to connect, ${duration(found.roundTripMs)} a round trip`],
    ['encrypted', found.encrypted ? 'yes' : 'no'],
    ['writes', writesText(found)],
    ['login', `${role.name}: ${attributes.join(', ')}`],
    [
      'sessions',
      `${count(found.otherSessions)} others in this database, room for ${count(found.freeConnections)} more`,
    ],
  ]);
}

/** Whether what a replay writes would be taken. */
function writesText({ inRecovery, readOnlyByDefault }: Pick<Check, 'inRecovery' | 'readOnlyByDefault'>): string {
  if (inRecovery) return 'refused: it is a standby, statements that write fail with 25006';
  return readOnlyByDefault
    ? 'refused: default_transaction_read_only is on for this login, statements that write fail with 25006'
    : 'taken';
}
