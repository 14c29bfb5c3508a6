import { request } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildDashboard, type Dashboard, startDashboard } from './support.ts';

let dashboard: Dashboard;

beforeAll(async () => {
  await buildDashboard();
  dashboard = await startDashboard({ journal: false });
});
afterAll(() => dashboard?.close());

interface Answer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: Buffer;
}

/** As it comes over the wire: `fetch` would unpack it. */
function get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request(`${dashboard.url}${path}`, { headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    })
      .on('error', reject)
      .end();
  });
}

test('the page comes with a policy that lets nothing in from elsewhere, and is asked for again each time', async () => {
  const { status, headers, body } = await get('/');
  expect(status).toBe(200);
  expect(headers['content-type']).toBe('text/html; charset=utf-8');
  expect(headers['cache-control']).toBe('no-cache');
  expect(headers['content-security-policy']).toMatch(/^default-src 'none'; script-src 'self';/);
  expect(headers['content-security-policy']).not.toMatch(/http|unsafe|\*/);
  expect(body.toString()).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
  const again = await get('/', { 'if-none-match': String(headers['etag']) });
  expect(again.status).toBe(304);
  expect(again.body).toHaveLength(0);
});

test('scripts and styles have their types, never change, and come zipped; the first load is under 150 kB', async () => {
  const page = (await get('/')).body.toString();
  const files = [...page.matchAll(/(?:src|href)="\.(\/assets\/[^"]+)"/g)].map(([, path]) => path ?? '');
  expect(files.length).toBeGreaterThanOrEqual(2);
  let size = 0;
  for (const path of files) {
    const { headers, body } = await get(path, { 'accept-encoding': 'gzip' });
    const type = path.endsWith('.js') ? 'text/javascript' : path.endsWith('.css') ? 'text/css' : 'image/svg+xml';
    expect(headers['content-type']).toMatch(new RegExp(`^${type.replace('+', '\\+')}`));
    expect(headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect(headers['content-encoding']).toBe('gzip');
    const plain = await get(path);
    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(gunzipSync(body).equals(plain.body)).toBe(true);
    size += body.length;
  }
  expect(size).toBeLessThan(150_000);
});

test('what is no file of the page is not found, wherever it points', async () => {
  for (const path of [
    '/nothing',
    '/assets/',
    '/../package.json',
    '/%2e%2e/package.json',
    '/assets/../../../package.json',
  ]) {
    expect((await get(path)).status).toBe(404);
  }
});
