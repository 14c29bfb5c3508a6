import { expect, test } from 'vitest';
import { createClient, ViewerDocument } from '../../src/client/index.ts';

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
