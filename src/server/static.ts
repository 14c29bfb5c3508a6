import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.woff2': 'font/woff2',
};

/** Everything comes from this service, and no other page may frame it. `'self'` covers its WebSocket. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const NOT_BUILT = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Reprise</title>
<p>The dashboard is not built: run <code>npm run build</code>. GraphQL is at <a href="graphql">/graphql</a>.</p></html>`;

interface Page {
  readonly type: string;
  readonly body: Buffer;
  /** Null where it would not be smaller. */
  readonly gzipped: Buffer | null;
  readonly etag: string;
  /** True when the name holds a hash of the content, so that it never changes. */
  readonly hashed: boolean;
}

/** Where `vite build` puts the dashboard, seen from the sources and from the built package. */
function builtDashboard(): string {
  const place = import.meta.url.endsWith('.ts') ? '../../dist/dashboard/' : '../dashboard/';
  return fileURLToPath(new URL(place, import.meta.url));
}

/** Folder of the built dashboard; null where `npm run build` was not run. */
export function findDashboard(): string | null {
  const folder = builtDashboard();
  return existsSync(join(folder, 'index.html')) ? folder : null;
}

/**
 * Serves the built dashboard of a folder at `/`, from memory; answers false for what is none of its files. Without a
 * build, `/` says so.
 */
export function dashboardPages(folder: string = builtDashboard()) {
  let pages: ReadonlyMap<string, Page> | null = null;
  return (request: IncomingMessage, response: ServerResponse): boolean => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return false;
    pages ??= readPages(folder);
    const path = (request.url ?? '/').split(/[?#]/, 1)[0] ?? '/';
    const page = pages.get(path === '/' ? '/index.html' : path);
    if (!page) return false;
    send(page, request, response);
    return true;
  };
}

function readPages(folder: string): ReadonlyMap<string, Page> {
  if (!existsSync(join(folder, 'index.html'))) {
    return new Map([['/index.html', pageOf('index.html', Buffer.from(NOT_BUILT))]]);
  }
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    files
      .map((file) => join(file.parentPath, file.name))
      // What `tsc` writes beside it is no part of the page.
      .filter((path) => TYPES[extname(path)] !== undefined)
      .map((path) => {
        const name = path.slice(join(folder, sep).length).split(sep).join('/');
        return [`/${name}`, pageOf(name, readFileSync(path))] as const;
      }),
  );
}

function pageOf(name: string, body: Buffer): Page {
  const gzipped = gzipSync(body, { level: 9 });
  return {
    type: TYPES[extname(name)] ?? 'application/octet-stream',
    body,
    gzipped: gzipped.length < body.length ? gzipped : null,
    etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
    hashed: name.startsWith('assets/'),
  };
}

function send(page: Page, request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('ETag', page.etag);
  response.setHeader('Cache-Control', page.hashed ? 'public, max-age=31536000, immutable' : 'no-cache');
  response.setHeader('Vary', 'Accept-Encoding');
  response.setHeader('Content-Security-Policy', CONTENT_SECURITY_POLICY);
  response.setHeader('Referrer-Policy', 'no-referrer');
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
  if (request.headers['if-none-match'] === page.etag) {
    response.statusCode = 304;
    response.end();
    return;
  }
  const zipped = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? '')) ? page.gzipped : null;
  const body = zipped ?? page.body;
  response.statusCode = 200;
  response.setHeader('Content-Type', page.type);
  response.setHeader('Content-Length', body.length);
  if (zipped) response.setHeader('Content-Encoding', 'gzip');
  response.end(request.method === 'HEAD' ? undefined : body);
}
