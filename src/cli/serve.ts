import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { LOG_LEVELS, VARIABLES } from '../config/variables.ts';
import { addJsonFlag, type CliContext, examples } from './context.ts';
import { EXIT } from './exit-codes.ts';
import { fields, json } from './io.ts';

interface ServeFlags {
  readonly host?: string;
  readonly port?: string;
  readonly dataDir?: string;
  readonly targets?: string;
  readonly allowTargets?: string;
  readonly logLevel?: string;
  readonly json?: boolean;
}

/** `serve`: the service, until a signal ends it. */
export function addServe(program: Command, { io, exit }: CliContext): void {
  const command = program
    .command('serve')
    .summary('run the service')
    .description('Runs the service until SIGINT or SIGTERM.')
    .option('--host <address>', 'address to listen on (REPRISE_HOST)')
    .option('--port <port>', 'port to listen on, 0 for a free one (REPRISE_PORT)')
    .option('--data-dir <folder>', 'data folder (REPRISE_DATA_DIR)')
    .option('--targets <json|file>', 'targets by alias: JSON or file (REPRISE_TARGETS)')
    .option('--allow-targets <rules>', 'what callers may name as a target (REPRISE_ALLOW_TARGETS)')
    .addOption(new Option('--log-level <level>', 'how much to log (REPRISE_LOG_LEVEL)').choices(LOG_LEVELS))
    .addHelpText('after', () => `\nEnvironment:\n${variablesText()}`);
  examples(command, 'reprise serve', 'reprise serve --port 4100 --data-dir /var/lib/reprise --targets targets.json');
  addJsonFlag(command).action(async (flags: ServeFlags) => {
    const { loadConfig } = await import('../config.ts');
    const config = loadConfig(io.env, {
      REPRISE_HOST: flags.host,
      REPRISE_PORT: flags.port,
      REPRISE_DATA_DIR: flags.dataDir,
      REPRISE_TARGETS: flags.targets,
      REPRISE_ALLOW_TARGETS: flags.allowTargets,
      REPRISE_LOG_LEVEL: flags.logLevel,
    });
    // Read by graphql as it is loaded: else it looks at each type of each value for a second copy of itself.
    process.env['NODE_ENV'] ??= 'production';
    // The whole service, which no other command needs to load.
    const { createApp } = await import('../app.ts');
    const app = createApp(config);
    const stopped = new Promise<null>((resolve) => io.signal.addEventListener('abort', () => resolve(null)));
    try {
      const running = await app.start();
      const { url, webSocketUrl, database } = running;
      if (flags.json) json(io, { url, webSocketUrl, database, pid: process.pid });
      else {
        const shown = [
          ['dashboard', url],
          ['GraphQL', `${url}/graphql`],
          ['WebSocket', webSocketUrl],
          ['journal', database],
          ...(config.databaseUrl === null ? [['data folder', resolve(config.dataDir)] as const] : []),
        ] as const;
        io.stdout.write(`Reprise is ready. Stop it with Ctrl-C.\n\n${fields(shown)}\n`);
      }
      const failure = io.signal.aborted ? null : await Promise.race([stopped, running.failed]);
      if (failure) throw failure;
    } finally {
      await app.stop();
    }
    exit(EXIT.OK);
  });
}

function variablesText(): string {
  return VARIABLES.map(
    (variable) => `  ${variable.name}  (default: ${variable.default})\n      ${variable.meaning}`,
  ).join('\n');
}
