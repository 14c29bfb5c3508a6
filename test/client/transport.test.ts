import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { createClient, ViewerDocument } from '../../src/client/index.ts';
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
