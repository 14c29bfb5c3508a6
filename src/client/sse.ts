import { ConnectionLost, fromGraphQL, fromStatus, type GraphQLErrorLike } from './errors.ts';
import { fetchOrFail } from './fetch.ts';
import { authorizationOf, type Result, SILENCE_MS, type Transport } from './transport.ts';

/**
 * GraphQL over server-sent events, "distinct connections" mode: one request a subscription. Reads the body only
 * as fast as the caller pulls, so TCP holds the server back.
 */
export const sseTransport: Transport = async function* (endpoint, operation, signal) {
  if (signal.aborted) return;
  const attempt = new AbortController();
  const abort = () => attempt.abort();
  signal.addEventListener('abort', abort);
  try {
    const response = await fetchOrFail(`${endpoint.url}/graphql`, {
      method: 'POST',
      headers: {
        accept: 'text/event-stream',
        'content-type': 'application/json',
        ...authorizationOf(endpoint),
      },
      body: JSON.stringify(operation),
      signal: attempt.signal,
    });
    if (!response.body || !response.headers.get('content-type')?.startsWith('text/event-stream')) {
      throw await refusal(endpoint.url, response);
    }
    yield null;
    const events = readEvents(response.body.getReader(), () => attempt.abort());
    for await (const { event, data } of events) {
      if (event === 'complete') return;
      if (event === 'next') yield JSON.parse(data) as Result;
    }
    throw new ConnectionLost('the service ended the response');
  } catch (error) {
    if (signal.aborted) return;
    // fetch, undici and DOMException: whatever breaks a body that was being read is a lost connection.
    if (error instanceof TypeError || (error instanceof Error && error.name === 'AbortError')) {
      throw new ConnectionLost(describe(error), { cause: error });
    }
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
    attempt.abort();
  }
};

function describe(error: Error): string {
  return error.cause instanceof Error ? error.cause.message || error.message : error.message;
}

/** Splits a body into events; calls `onSilence` when none of its bytes come for `SILENCE_MS`. */
async function* readEvents(
  reader: { read(): Promise<{ done: boolean; value?: Uint8Array | undefined }> },
  onSilence: () => void,
): AsyncGenerator<{ event: string; data: string }, void, undefined> {
  const decoder = new TextDecoder();
  let text = '';
  for (;;) {
    const silence = setTimeout(onSilence, SILENCE_MS);
    const { done, value } = await reader.read().finally(() => clearTimeout(silence));
    if (done) return;
    text += decoder.decode(value, { stream: true });
    const blocks = text.split(/\r\n\r\n|\n\n|\r\r/);
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      let event = 'message';
      const data: string[] = [];
      for (const line of block.split(/\r\n|\n|\r/)) {
        if (line.startsWith('event:')) event = line.slice(6).trim();
        if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''));
      }
      if (event !== 'message' || data.length > 0) yield { event, data: data.join('\n') };
    }
  }
}

async function refusal(url: string, response: Response): Promise<Error> {
  const body = await response.text();
  let errors: readonly GraphQLErrorLike[] | undefined;
  try {
    errors = (JSON.parse(body) as Result).errors;
  } catch {
    // Not JSON: a proxy's page. Its status has to do.
  }
  if (errors?.length) return fromGraphQL(errors);
  if (response.status >= 502 && response.status <= 504)
    return new ConnectionLost(`what stands before the service says ${response.status}`);
  return fromStatus(url, response.status, body.slice(0, 200));
}
