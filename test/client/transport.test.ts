import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { createClient, ViewerDocument } from '../../src/client/index.ts';
import { persistently } from '../../src/client/retry.ts';
import { cliHere } from '../cli/process.ts';

test.each(['ws', 'sse'] as const)(
  'a token that no header can carry is told of, and not shown (%s)',
  async (transport) => {
    for (const token of ['hunter2\nhunter2', 'hunter2ü', 'hunter2 hunter2']) {
      const client = createClient({ url: 'http://127.0.0.1:1', token, transport });
      const refused = { code: 'UNAUTHENTICATED', message: expect.not.stringContaining('hunter2') };
      await expect(client.request(ViewerDocument, {})).rejects.toMatchObject(refused);
      await expect(client.tailJournal().next()).rejects.toMatchObject(refused);
    }
  },
);

const page = (status: number, type: string, body: string) => (response: ServerResponse) =>
  void response.writeHead(status, { 'content-type': type }).end(body);
test.each([
  ['a page', page(200, 'text/html', '<html></html>')],
  ['no such page', page(404, 'text/html', '<html></html>')],
  ['no such path of the service', page(404, 'application/json', '{"error":{"code":"NOT_FOUND","message":"…"}}')],
  ['another method', page(405, 'text/plain', 'use GET')],
])('an address at which something else answers is told of as that: %s', async (_name, answer) => {
  const server = createServer((_request, response) => answer(response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const refused = { code: 'SERVICE_UNREACHABLE', message: expect.stringMatching(/is no Reprise service|no answer/) };
  try {
    for (const transport of ['ws', 'sse'] as const) {
      const client = createClient({ url, transport });
      await expect(client.request(ViewerDocument, {})).rejects.toMatchObject(refused);
      await expect(client.tailJournal().next()).rejects.toMatchObject(refused);
    }
    const { code, stderr } = await cliHere(['replay', 'ls', '--server', url]);
    expect(stderr).toContain(`what answers at ${url} is no Reprise service`);
    expect(code).toBe(6);
  } finally {
    server.close();
  }
});

test.each([502, 503, 504])(
  'a proxy that says %d for a service that it does not reach is told of as that',
  async (status) => {
    let answered = 0;
    const server = createServer((_request, response) => {
      answered += 1;
      page(status, 'text/html', '<html>a page of the proxy</html>')(response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      const { code, stderr } = await cliHere(['replay', 'ls', '--server', url]);
      expect(stderr).toBe(
        `error: no answer from the service behind ${url}: what stands before it says ${status}; look whether the service ` +
          'runs, and is reached from there [SERVICE_UNREACHABLE]\n',
      );
      expect(code).toBe(6);
      const refused = { code: 'SERVICE_UNREACHABLE', message: expect.stringContaining(String(status)) };
      for (const transport of ['ws', 'sse'] as const)
        await expect(createClient({ url, transport }).tailJournal().next()).rejects.toMatchObject(refused);
      answered = 0;
      const leaving = new AbortController();
      const ask = () => createClient({ url }).request(ViewerDocument, {});
      // What is asked until the service is back does not give up at such an answer.
      await expect(persistently(ask, leaving.signal, () => leaving.abort())).rejects.toMatchObject(refused);
      expect(answered).toBe(2);
    } finally {
      server.close();
    }
  },
);
