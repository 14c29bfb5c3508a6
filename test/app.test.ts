import { readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createApp } from '../src/app.ts';
import { importLog } from '../src/capture/import-log.ts';
import { createClient, ReplayDocument, StartReplayDocument, unwrap } from '../src/client/index.ts';
import { type Config, loadConfig } from '../src/config.ts';
import { openReprise } from '../src/index.ts';
import { readServiceFile } from '../src/service-file.ts';
import { startEmbedded } from '../src/store/embedded.ts';
import { cli, isAlive, startService } from './cli/process.ts';
import { createTestDatabase } from './support/database.ts';
import { FAST_SETTINGS, initialisedFolder, startTestServer } from './support/postgres.ts';
import { createShopTarget, SHOP_LOG } from './support/shop.ts';
import { startProxy } from './target/proxy.ts';

let folder: string;
beforeEach(async () => {
  folder = await initialisedFolder('app');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const postmasterOf = async (dataDir: string) =>
  Number((await readFile(join(dataDir, 'pgdata/postmaster.pid'), 'utf8')).split('\n')[0]);

describe('the app', () => {
  test('starts and stops twice as once, and starts again', async () => {
    const database = await createTestDatabase();
    const app = createApp(config({ DATABASE_URL: database.url }));
    const [first, second] = await Promise.all([app.start(), app.start()]);
    expect(second).toBe(first);
    expect(await (await fetch(`${first.url}/health`)).json()).toEqual({ status: 'up' });
    await Promise.all([app.stop(), app.stop()]);
    await app.stop();
    await expect(fetch(`${first.url}/health`)).rejects.toThrow();
    const again = await app.start();
    expect((await fetch(`${again.url}/ready`)).status).toBe(200);
    await app.stop();
    await database.drop();
  });

  test('a stop during the start leaves nothing running', async () => {
    const database = await createTestDatabase();
    const app = createApp(config({ DATABASE_URL: database.url }));
    const started = app.start();
    await app.stop();
    await expect(fetch(`${(await started).url}/health`)).rejects.toThrow();
    await database.drop();
  });

  test('a start that fails cleans up and can be repeated', async () => {
    const blocker = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => blocker.once('listening', resolve));
    const { port } = blocker.address() as AddressInfo;
    const app = createApp(config({ REPRISE_DATA_DIR: folder, REPRISE_PORT: String(port) }));
    await expect(app.start()).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/^REPRISE_PORT: port \d+ .* taken/),
    });
    await expect(postmasterOf(folder)).rejects.toThrow(/ENOENT/);
    await new Promise((resolve) => blocker.close(resolve));
    expect((await app.start()).url).toBe(`http://127.0.0.1:${port}`);
    await app.stop();
  });

  test('refuses its own database as a target, by alias too', async () => {
    const database = await createTestDatabase();
    const own = {
      host: database.host,
      port: database.port,
      user: database.user,
      password: database.password,
      database: database.name,
    };
    const app = createApp(config({ DATABASE_URL: database.url, REPRISE_TARGETS: JSON.stringify({ own }) }));
    const client = createClient({ url: (await app.start()).url });
    for (const target of [own, { alias: 'own' }]) {
      const input = { window: { from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z' }, target };
      const { startReplay } = await client.request(StartReplayDocument, { input });
      expect(() => unwrap(startReplay)).toThrow(expect.objectContaining({ code: 'TARGET_REFUSED' }));
    }
    await app.stop();
    await database.drop();
  });

  test('refuses its own database also after its server was started anew, and by another port', async () => {
    const server = await startTestServer();
    const { dataDir, port, user, password } = server;
    await server.createDatabase('journal');
    const reprise = await openReprise(config({ DATABASE_URL: server.url('journal') }));
    const proxied = await startProxy(port, ({ client, server: own }) => client.pipe(own).pipe(client));
    const target = { host: '127.0.0.1', port: proxied, user, password, database: 'journal' };
    const refused = { code: 'TARGET_REFUSED', message: expect.stringContaining('keeps the journal') };
    await expect(reprise.engine.checkTarget(target)).rejects.toMatchObject(refused);
    await server.kill();
    const again = await startEmbedded({ dataDir, settings: { ...FAST_SETTINGS, port: String(port) } });
    await expect(reprise.engine.checkTarget(target)).rejects.toMatchObject(refused);
    await reprise.close();
    await again.stop();
    await server.stop();
  });

  test('whoever watches a run hears that a stop of the service interrupted it', async () => {
    const [database, target] = [await createTestDatabase('journal'), await createShopTarget()];
    const app = createApp(config({ DATABASE_URL: database.url }));
    const { url, journal } = await app.start();
    await importLog({ files: [SHOP_LOG], store: journal });
    const { host, port, user, password, name } = target;
    const input = {
      window: { from: '2026-11-23T16:28:37Z', to: '2026-11-23T16:28:43Z' },
      target: { host, port, user, password, database: name },
      pace: { mode: 'RECORDED', speed: 0.1 },
    } as const;
    const { id } = unwrap((await createClient({ url }).request(StartReplayDocument, { input })).startReplay);
    const watchers = (['ws', 'sse'] as const).flatMap((transport) =>
      (['STATEMENTS', 'FAILURES', 'SUMMARY'] as const).map((detail) => {
        const heard: string[] = [];
        let live = () => {};
        const running = new Promise<void>((resolve) => {
          live = resolve;
        });
        const leaving = new AbortController();
        const watch = async () => {
          const updates = createClient({ url, transport }).watchReplay(id, {
            detail,
            signal: leaving.signal,
            onConnection: ({ state }) => (state === 'RECONNECTING' ? leaving.abort() : undefined),
          });
          for await (const { events } of updates)
            for (const event of events) {
              if (event.__typename !== 'StateEvent') continue;
              heard.push(event.state);
              if (event.state === 'RUNNING') live();
            }
          return [transport, detail, heard.at(-1)];
        };
        return { running, ended: watch() };
      }),
    );
    await Promise.all(watchers.map(({ running }) => running));
    await app.stop();
    const ends = await Promise.all(watchers.map(({ ended }) => ended));
    expect(ends.filter(([, , state]) => state !== 'INTERRUPTED')).toEqual([]);
    await Promise.all([database.drop(), target.drop()]);
  });

  test('another service on the same data folder is refused', async () => {
    const app = createApp(config({ REPRISE_DATA_DIR: folder }));
    await app.start();
    await expect(createApp(config({ REPRISE_DATA_DIR: folder })).start()).rejects.toMatchObject({
      code: 'DATA_DIR_IN_USE',
    });
    await expect(openReprise(config({ REPRISE_DATA_DIR: folder }))).rejects.toMatchObject({ code: 'DATA_DIR_IN_USE' });
    // What was refused leaves the running service as it was: an import still finds it.
    const file = join(folder, 'service.json');
    const content = JSON.parse(await readFile(file, 'utf8'));
    expect(content).toMatchObject({ pid: process.pid });
    expect(await readServiceFile(folder)).toEqual(content);
    // Of a service that was killed, whose process id is another's by now, as each first process of a container has it.
    await writeFile(file, JSON.stringify({ ...content, startTime: '1' }));
    expect(await readServiceFile(folder)).toBeNull();
    await app.stop();
  });
});

describe('the library', () => {
  test('imports and replays without a server', async () => {
    const [database, target] = [await createTestDatabase('journal'), await createShopTarget()];
    const reprise = await openReprise(config({ DATABASE_URL: database.url }));
    const { entries, firstTimestamp } = await reprise.importLog({ files: [SHOP_LOG] });
    expect([entries.accepted, firstTimestamp]).toEqual([8233, '2026-11-23T16:28:37.426000Z']);
    const { first } = await reprise.journal.coverage({ from: 0, to: Number.MAX_SAFE_INTEGER }, 1);
    const window = { from: first ?? 0, to: (first ?? 0) + 100_000 };
    const { host, port, user, password, name } = target;
    const kinds = new Set<string>();
    let lastSeq = 0;
    for await (const event of reprise.engine.replayWindow({
      window,
      target: { host, port, user, password, database: name },
    })) {
      expect(event.seq).toBe(lastSeq + 1);
      lastSeq = event.seq;
      kinds.add(event.kind === 'STATE' ? event.state : event.kind);
    }
    expect(kinds).toContain('OUTCOME');
    expect(kinds).toContain('COMPLETED');
    await reprise.close();
    await reprise.close();
    await Promise.all([database.drop(), target.drop()]);
  });
});

describe('the service as a process', () => {
  test('SIGTERM ends it cleanly and leaves no PostgreSQL and no service file', async () => {
    const service = await startService(folder);
    const postmaster = await postmasterOf(folder);
    expect(isAlive(postmaster)).toBe(true);
    expect(await service.end('SIGTERM')).toBe(0);
    expect(isAlive(postmaster)).toBe(false);
    await expect(readFile(join(folder, 'service.json'))).rejects.toThrow(/ENOENT/);
  });

  test('after kill -9 the next start just works: the journal is whole, and a watcher misses nothing', async () => {
    const target = await createShopTarget();
    const service = await startService(folder);
    expect((await cli(['import', '--data-dir', folder, SHOP_LOG])).code).toBe(0);
    const { host, port, user, password, name } = target;
    const client = createClient({ url: service.url });
    const run = unwrap(
      (
        await client.request(StartReplayDocument, {
          input: {
            window: { from: '2026-11-23T16:28:37Z', to: '2026-11-23T16:28:43Z' },
            target: { host, port, user, password, database: name },
            pace: { mode: 'RECORDED', speed: 0.1 },
          },
        })
      ).startReplay,
    );
    const states: string[] = [];
    let outcomes = 0;
    let lastSeq = 0;
    let next: ReturnType<typeof startService> | null = null;
    for await (const { events } of client.watchReplay(run.id)) {
      for (const event of events) {
        expect(event.seq).toBe(lastSeq + 1);
        lastSeq = event.seq;
        if (event.__typename === 'OutcomeEvent') outcomes += 1;
        if (event.__typename === 'StateEvent') states.push(event.state);
      }
      if (outcomes >= 20 && !next) {
        await service.end('SIGKILL');
        next = startService(folder, Number(new URL(service.url).port));
      }
    }
    const restarted = await next;
    expect(states.slice(0, 2)).toEqual(['CONNECTING', 'RUNNING']);
    const { replay } = await client.request(ReplayDocument, { id: run.id });
    expect(replay?.state).toBe('INTERRUPTED');
    expect(replay?.lastSeq).toBe(lastSeq);
    const stats = await cli(['journal', 'stats', '--json', '--server', service.url]);
    expect(JSON.parse(stats.stdout)).toMatchObject({ entries: 8233, transactions: { committed: 658 } });
    expect(await restarted?.end('SIGTERM')).toBe(0);
    await target.drop();
  });
});

function config(env: Readonly<Record<string, string>>): Config {
  return loadConfig({ REPRISE_PORT: '0', REPRISE_LOG_LEVEL: 'silent', ...env });
}
