import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { RepriseError } from '../errors.ts';

/** The path of a request, without its query. */
export function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split(/[?#]/, 1)[0] ?? '/';
}

/** The caller's own id, where it is one that can stand in a log and a header; else a new one. */
export function requestIdOf(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && /^[\w.:/+=-]{1,128}$/.test(given) ? given : randomUUID();
}

/** True for a request whose body is JSON. */
export function isJson(request: IncomingMessage): boolean {
  return /^application\/(?:[\w.-]+\+)?json\b/i.test(request.headers['content-type'] ?? '');
}

/** Types of answers to operations, and that of an event stream. */
export const STREAM_TYPES: readonly string[] = ['text/event-stream'];
export const ANSWER_TYPES: readonly string[] = [
  ...STREAM_TYPES,
  'application/json',
  'application/graphql-response+json',
  'multipart/mixed',
];

/** Whether `Accept` lets one of these types through, in UTF-8, as what answers operations reads it. */
export function accepts(request: IncomingMessage, types: readonly string[]): boolean {
  const ranges = (request.headers.accept || '*/*').replace(/\s/g, '').toLowerCase().split(',');
  return ranges.some((range) => {
    const [asked = '', ...parameters] = range.split(';');
    if (parameters.some((one) => one.includes('charset=') && one !== 'charset=utf-8')) return false;
    return asked === '*/*' || types.some((type) => type === asked || asked === type.replace(/[^/]+$/, '*'));
  });
}

/** Answers with JSON; nothing where the client has gone. */
export function answer(response: ServerResponse, status: number, body: unknown): void {
  if (response.destroyed) return;
  response.statusCode = status;
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  response.end(JSON.stringify(body));
}

/** The body of a refusal, in the form of GraphQL. */
export function graphqlError(code: string, message: string): unknown {
  return { errors: [{ message, extensions: { code } }] };
}

/** Answers an upgrade to WebSocket with a refusal, and closes. */
export function refuseUpgrade(socket: Duplex, status: number, reason: string): void {
  // An ended socket stays half open for as long as its client likes, and counts as a connection.
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status} ${reason}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

/** The body as text, of at most so many bytes. @throws RepriseError LIMIT_EXCEEDED */
export async function readBody(request: IncomingMessage, most: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > most) throw new RepriseError('LIMIT_EXCEEDED', `the body is larger than ${most} bytes`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}
