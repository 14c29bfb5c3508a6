import { expect, test } from 'vitest';
import { completeRequest } from '../../src/replay/complete-request.ts';

const input = { window: { from: 0, to: 1 }, target: { host: '127.0.0.1', port: 5432 } };

test('a password that no login can have is refused with the user that it was given, and not shown', () => {
  const users = [{ recorded: 'app', user: 'replay', password: 'hun\0ter' }];
  const message = 'users must not give "app" a password that holds a NUL character';
  expect(() => completeRequest({ ...input, users })).toThrow(
    expect.objectContaining({ code: 'BAD_INPUT', message, path: ['input', 'users'] }),
  );
});
