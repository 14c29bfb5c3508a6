import type { Command } from 'commander';
import { CheckTargetDocument, type Client, TargetsDocument, unwrap } from '../client/index.ts';
import { loadClientConfig } from '../config/client.ts';
import type { Environment, Overrides } from '../config/environment.ts';
import type { Finding } from '../doctor.ts';
import { messageOf, RepriseError } from '../errors.ts';
import { addJsonFlag, type CliContext, examples } from './context.ts';
import { EXIT } from './exit-codes.ts';
import { json, printable } from './io.ts';
import { serviceOf } from './service.ts';

interface DoctorFlags {
  readonly server?: string;
  readonly dataDir?: string;
  readonly json?: boolean;
}

/** How long the service may take to answer. */
const ANSWER_MS = 5_000;

/** `doctor`: what is installed here, and what of it would not work. */
export function addDoctor(program: Command, context: CliContext): void {
  const command = program
    .command('doctor')
    .summary('what is configured, reachable and missing')
    .description(
      'Looks at the configuration, the installation, the database of the journal, the service and every target, and ' +
        'says of each whether it is well and what to do. Needs no service, starts nothing and changes nothing. The exit ' +
        'status is 1 when something fails.',
    )
    .option('--server <url>', 'where the service is (REPRISE_SERVER_URL, default http://127.0.0.1:4000)')
    .option('--data-dir <folder>', 'data folder (REPRISE_DATA_DIR)');
  examples(command, 'reprise doctor', 'reprise doctor --json | jq \'.findings[] | select(.status != "OK")\'');
  addJsonFlag(command).action((flags: DoctorFlags) => examine(flags, context));
}

async function examine(flags: DoctorFlags, { io, exit }: CliContext): Promise<void> {
  // Storage and targets, which no other command needs to load.
  const doctor = await import('../doctor.ts');
  const overrides: Overrides = { REPRISE_SERVER_URL: flags.server, REPRISE_DATA_DIR: flags.dataDir };
  const config = doctor.configOf(io.env, overrides);
  const fault = config && doctor.targetFault(config);
  const notLooked = (area: Finding['area'], name: string) =>
    doctor.finding(area, name).warn('not looked at', 'correct the configuration first');
  const own = config && (await doctor.ownService(config));
  const [installation, journal, port, service] = await Promise.all([
    doctor.inspectInstallation(Boolean(io.env['DATABASE_URL']?.trim())),
    config ? doctor.inspectJournal(config, own) : [notLooked('journal', 'database')],
    config ? doctor.inspectPort(config, own) : notLooked('service', 'port'),
    examineService(flags, own?.url ?? null, io, doctor),
  ]);
  // What a service that runs is configured with is what counts; without one, what the next would be.
  const targets = service.targets ?? (config && fault === null ? await doctor.inspectTargets(config, own) : []);
  const findings = [
    ...(await configuration(io.env, overrides, fault, doctor)),
    ...installation,
    ...journal,
    service.finding,
    port,
    ...targets,
  ];
  const failed = findings.some(({ status }) => status === 'FAIL');
  if (flags.json) json(io, { ok: !failed, findings });
  else io.stdout.write(`${printable(text(findings))}\n`);
  if (failed) exit(EXIT.DIVERGED);
}

type Doctor = typeof import('../doctor.ts');

async function configuration(
  env: Environment,
  overrides: Overrides,
  fault: RepriseError | null,
  { finding }: Doctor,
): Promise<Finding[]> {
  const { inspectConfig } = await import('../config.ts');
  const states = inspectConfig(env, overrides);
  const known = new Set<string>(states.map(({ name }) => name));
  return [
    ...states.map(({ name, value, source, problem }) => {
      const found = finding('configuration', name);
      const wrong = problem ?? (fault?.path[0] === name ? fault.message.replace(`${name}: `, '') : null);
      return wrong === null ? found.ok(`${value} (${source})`) : found.fail(`${value} (${source})`, wrong);
    }),
    ...Object.keys(env)
      .filter((name) => name.startsWith('REPRISE_') && env[name] && !known.has(name))
      .sort()
      .map((name) =>
        finding('configuration', name).warn(
          'is set, and no variable of Reprise',
          'check its spelling: `reprise serve --help`',
        ),
      ),
  ];
}

/**
 * The service that flags and environment name, else the one of the data folder, and its targets; `targets` null when it
 * cannot be asked.
 */
async function examineService(
  flags: DoctorFlags,
  ownUrl: string | null,
  io: CliContext['io'],
  doctor: Doctor,
): Promise<{ readonly finding: Finding; readonly targets: readonly Finding[] | null }> {
  const found = doctor.finding('service', 'service');
  const named = Boolean(flags.server ?? io.env['REPRISE_SERVER_URL']?.trim());
  const server = named || ownUrl === null ? flags.server : ownUrl;
  try {
    const { serverUrl } = loadClientConfig(io.env, { REPRISE_SERVER_URL: server });
    const elsewhere = !named && serverUrl !== loadClientConfig(io.env).serverUrl;
    const client = serviceOf(io, server === undefined ? {} : { server });
    const { targets } = await doctor.within(ANSWER_MS, (signal) => client.request(TargetsDocument, {}, signal));
    const ready = await doctor.within(ANSWER_MS, (signal) => fetch(`${serverUrl}/ready`, { signal }));
    const well = `answers at ${serverUrl} and is ready`;
    return {
      finding: !ready.ok
        ? found.fail(`answers at ${serverUrl}, and its journal does not (${ready.status})`, 'look at its log')
        : elsewhere
          ? found.warn(`${well}; the other commands look elsewhere`, `set REPRISE_SERVER_URL=${serverUrl} for them`)
          : found.ok(well),
      targets: await Promise.all(
        targets.map(({ alias, refusal }) =>
          refusal ? doctor.brokenTarget(alias, refusal.message) : examineTarget(client, alias, io.signal, doctor),
        ),
      ),
    };
  } catch (error) {
    const code = error instanceof RepriseError ? error.code : null;
    if (code === 'SERVICE_UNREACHABLE' && server === undefined && !named) {
      return {
        finding: found.warn('none runs at http://127.0.0.1:4000', 'start it with `reprise serve`'),
        targets: null,
      };
    }
    return { finding: found.fail(messageOf(error), adviceOn(code)), targets: null };
  }
}

function adviceOn(code: string | null): string {
  if (code === 'UNAUTHENTICATED' || code === 'FORBIDDEN') return 'set REPRISE_TOKEN to a token of REPRISE_TOKENS';
  if (code === 'CONFIG_INVALID') return 'correct REPRISE_SERVER_URL';
  return 'start it with `reprise serve`, or correct REPRISE_SERVER_URL';
}

async function examineTarget(client: Client, alias: string, signal: AbortSignal, doctor: Doctor): Promise<Finding> {
  try {
    const { checkTarget } = await client.request(CheckTargetDocument, { target: { alias } }, signal);
    return doctor.targetFinding(alias, unwrap(checkTarget));
  } catch (error) {
    return doctor.brokenTarget(alias, messageOf(error));
  }
}

const MARKS = { OK: 'ok  ', WARN: 'warn', FAIL: 'FAIL' } as const;

function text(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ name }) => name.length));
  const parts = new Map<string, string[]>();
  for (const { area, name, status, detail, advice } of findings) {
    const lines = parts.get(area) ?? [];
    parts.set(area, lines);
    const [first = '', ...more] = detail.split('\n');
    lines.push(
      `  ${MARKS[status]}  ${name.padEnd(width)}  ${first}`.trimEnd(),
      ...more.map((line) => `        ${line}`),
    );
    if (advice !== null) lines.push(`        ${' '.repeat(width)}→ ${advice}`);
  }
  const [fails, warnings] = (['FAIL', 'WARN'] as const).map((kind) => findings.filter(({ status }) => status === kind));
  const verdict =
    fails?.length || warnings?.length
      ? [fails?.length ? `${fails.length} failed` : '', warnings?.length ? `${warnings.length} to look at` : '']
          .filter(Boolean)
          .join(', ')
      : 'all is well';
  return [...[...parts].map(([area, lines]) => `${area}\n${lines.join('\n')}`), verdict].join('\n\n');
}
