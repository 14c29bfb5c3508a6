import { serverAudits } from 'graphql-http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ServiceContext } from '../../src/graphql/context.ts';
import { startService, type TestService } from './support.ts';

let service: TestService;

beforeAll(async () => {
  service = await startService({} as ServiceContext);
});
afterAll(() => service.stop());

const audits = serverAudits({ url: () => `${service.url}/graphql`, fetchFn: fetch });

test('there are 61 audits of GraphQL over HTTP', () => {
  expect(audits).toHaveLength(61);
});

for (const audit of audits) {
  test(`the server ${audit.name}`, async () => {
    const result = await audit.fn();
    expect(result.status === 'ok' ? 'ok' : `${result.status}: ${'reason' in result ? result.reason : ''}`).toBe('ok');
  });
}
