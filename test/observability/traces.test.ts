import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cli, type ServiceProcess, startService } from '../cli/process.ts';
import { ask, socketClient, until } from '../server/support.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createShopTarget, SHOP_LOG } from '../support/shop.ts';
import { type CollectedSpan, startCollector } from './collector.ts';

const WINDOW = { from: '2026-11-23T16:28:37.426000Z', to: '2026-11-23T16:28:37.700000Z' };
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const START = `mutation StartIt($input: ReplayInput!) { startReplay(input: $input) { ... on Replay { id } } }`;

let folder: string;
let store: TestDatabase;
let target: TestDatabase;
let service: ServiceProcess;
let collector: Awaited<ReturnType<typeof startCollector>>;
let env: Readonly<Record<string, string>>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reprise-traces-'));
  [store, target, collector] = [await createTestDatabase('journal'), await createShopTarget(), await startCollector()];
  env = {
    DATABASE_URL: store.url,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_SERVICE_NAME: 'reprise-under-test',
    OTEL_BSP_SCHEDULE_DELAY: '20',
  };
  const imported = await cli(['import', '--data-dir', folder, SHOP_LOG], env);
  expect(imported.code, imported.stderr).toBe(0);
  service = await startService(folder, 0, env);
});
afterAll(async () => {
  await service.end('SIGTERM');
  await collector.close();
  await Promise.all([store.drop(), target.drop()]);
  await rm(folder, { recursive: true, force: true });
});

const named = (name: string, over: (span: CollectedSpan) => boolean = () => true) =>
  collector.spans.find((span) => span.name === name && over(span));

test('an import is a span, its batches are below it', () => {
  const whole = named('import');
  expect(whole?.attributes).toMatchObject({ 'reprise.import.files': 1, 'reprise.import.entries': 8233 });
  expect(whole?.service).toBe('reprise-under-test');
  const batches = collector.spans.filter(({ name }) => name === 'journal append');
  expect(batches.length).toBeGreaterThan(0);
  for (const batch of batches) expect(batch).toMatchObject({ traceId: whole?.traceId, parentSpanId: whole?.spanId });
  const accepted = batches.map(({ attributes }) => Number(attributes['reprise.journal.accepted']));
  expect(accepted.reduce((sum, count) => sum + count, 0)).toBe(8233);
});

test("a run stands below the operation and the request that started it, in the caller's trace", async () => {
  const { host, port, user, password, name } = target;
  const { data, errors } = await ask(
    service.url,
    START,
    { input: { window: WINDOW, target: { host, port, user, password, database: name } } },
    { traceparent: `00-${TRACE}-b7ad6b7169203331-01`, tracestate: 'vendor=value' },
  );
  expect(errors).toEqual([]);
  const { id } = data.startReplay;
  const ofRun = (span: CollectedSpan) => span.attributes['reprise.replay.id'] === id;
  await until(() => named('replay', ofRun) !== undefined);

  const http = named('POST /graphql', (span) => span.traceId === TRACE);
  expect(http).toMatchObject({ parentSpanId: 'b7ad6b7169203331', kind: 2 });
  expect(http?.attributes).toMatchObject({ 'http.route': '/graphql', 'http.response.status_code': 200 });
  const operation = named('graphql mutation', (span) => span.traceId === TRACE);
  expect(operation?.parentSpanId).toBe(http?.spanId);
  expect(operation?.attributes).toMatchObject({ 'graphql.operation.name': 'StartIt' });
  const run = named('replay', ofRun);
  expect(run).toMatchObject({ traceId: TRACE, parentSpanId: operation?.spanId });
  expect(run?.attributes).toMatchObject({
    'reprise.replay.state': 'COMPLETED',
    'reprise.replay.ordering': 'TIMESTAMP',
  });
  expect(Number(run?.attributes['reprise.replay.succeeded'])).toBeGreaterThan(100);
  for (const phase of ['replay connect', 'replay walk', 'replay finish']) {
    expect(named(phase, ofRun), phase).toMatchObject({ traceId: TRACE, parentSpanId: run?.spanId });
  }
  // Of a run of hundreds of statements, these are all.
  expect(collector.spans.filter(ofRun)).toHaveLength(4);
});

test('an operation over WebSocket belongs to the trace of its extensions', async () => {
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
  const client = socketClient(service.url);
  await new Promise<void>((resolve, reject) => {
    const payload = { query: '{ __typename }', extensions: { traceparent: `00-${trace}-00f067aa0ba902b7-01` } };
    client.subscribe(payload, { next() {}, error: reject, complete: resolve });
  });
  await client.dispose();
  await until(() => named('graphql query', (span) => span.traceId === trace) !== undefined);
  expect(named('graphql query', (span) => span.traceId === trace)).toMatchObject({
    parentSpanId: '00f067aa0ba902b7',
    attributes: { 'reprise.transport': 'websocket' },
  });
});

test('a run that fails is an error by its code', async () => {
  const { host, port, user, password } = target;
  const input = { window: WINDOW, target: { host, port, user, password, database: 'there is none' } };
  const { data } = await ask(service.url, START, { input });
  const ofRun = (span: CollectedSpan) => span.attributes['reprise.replay.id'] === data.startReplay.id;
  await until(() => named('replay', ofRun) !== undefined);
  expect(named('replay', ofRun)).toMatchObject({
    status: 2,
    attributes: { 'error.type': 'TARGET_UNREACHABLE', 'reprise.replay.state': 'FAILED' },
  });
});

test('probes and scrapes are not traced, and nothing that is sent holds a statement, a parameter or a password', async () => {
  for (const path of ['health', 'ready', 'metrics']) await fetch(`${service.url}/${path}`);
  await fetch(`${service.url}/graphql?query=${encodeURIComponent('{ __typename }')}`);
  await until(() => named('GET /graphql') !== undefined);
  expect(collector.spans.filter(({ name }) => /health|ready|metrics/.test(name))).toEqual([]);
  const sent = collector.bodies.join('\n');
  for (const hidden of ['SELECT', 'INSERT', 'UPDATE', 'startReplay', '__typename', target.password]) {
    expect(sent).not.toContain(hidden);
  }
});

test('a service that is stopped sends the spans that it still has', async () => {
  const slow = await startService(folder, 0, { ...env, OTEL_BSP_SCHEDULE_DELAY: '600000', OTEL_SERVICE_NAME: 'slow' });
  await ask(slow.url, '{ __typename }');
  expect(await slow.end('SIGTERM')).toBe(0);
  expect(named('graphql query', (span) => span.service === 'slow')).toBeDefined();
});

test('a collector that is away is told of once and holds nothing up', async () => {
  const nobody = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', OTEL_EXPORTER_OTLP_TIMEOUT: '200' };
  const away = await startService(folder, 0, { ...env, ...nobody });
  const told = () =>
    away
      .stderr()
      .split('\n')
      .filter((line) => line.includes('"msg":"traces: ')).length;
  expect((await ask(away.url, '{ __typename }')).errors).toEqual([]);
  await until(() => told() > 0);
  expect((await ask(away.url, '{ __typename }')).errors).toEqual([]);
  expect(await away.end('SIGTERM')).toBe(0);
  expect(told()).toBe(1);
});

/** Modules of OpenTelemetry that a service has loaded when it is ready; prom-client loads the API itself. */
async function loaded(variables: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const script = `
    const { createApp } = await import('./dist/app.js');
    const { loadConfig } = await import('./dist/config.js');
    const { createRequire } = await import('node:module');
    const app = createApp(loadConfig(process.env));
    await app.start();
    const { cache } = createRequire(import.meta.url);
    const names = Object.keys(cache).flatMap((path) => /@opentelemetry\\/[\\w-]+/.exec(path) ?? []);
    console.log(JSON.stringify([...new Set(names)]));
    await app.stop();`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    env: { ...process.env, REPRISE_PORT: '0', REPRISE_LOG_LEVEL: 'silent', DATABASE_URL: store.url, ...variables },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.on('data', (chunk) => {
    out += String(chunk);
  });
  await once(child, 'close');
  return JSON.parse(out) as string[];
}

test('nothing of the SDK is loaded unless traces are asked for', async () => {
  expect((await loaded({})).filter((name) => name !== '@opentelemetry/api')).toEqual([]);
  const off = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_TRACES_EXPORTER: 'none' };
  expect((await loaded(off)).filter((name) => name !== '@opentelemetry/api')).toEqual([]);
  expect(await loaded({ OTEL_TRACES_EXPORTER: 'otlp' })).toContain('@opentelemetry/sdk-trace-base');
});
