import { expect, test } from 'vitest';
import { completeRequest } from '../../src/replay/complete-request.ts';
import { withCredentials } from '../../src/replay/credentials.ts';

const input = { window: { from: 0, to: 1 }, target: { host: '127.0.0.1', port: 5432 } };

test('a password that no login can have is refused with the user that it was given, and not shown', () => {
  const users = [{ recorded: 'app', user: 'replay', password: 'hun\0ter' }];
  const message = 'users must not give "app" a password that holds a NUL character';
  expect(() => completeRequest({ ...input, users })).toThrow(
    expect.objectContaining({ code: 'BAD_INPUT', message, path: ['input', 'users'] }),
  );
});

test('a password for a run to resume that no login can have is refused with its field, and not shown', () => {
  const request = completeRequest({ ...input, users: [{ recorded: 'app', user: 'replay', password: null }] });
  const run = { id: 'some id', request };
  const refusal = (given: Parameters<typeof withCredentials>[1]) => {
    try {
      return withCredentials(run, given);
    } catch (error) {
      return error;
    }
  };
  expect(refusal({ password: 'hun\0ter' })).toMatchObject({
    code: 'BAD_INPUT',
    message: 'credentials.password holds a NUL character',
    path: ['credentials', 'password'],
  });
  expect(refusal({ users: ['a', 'b'].map((password) => ({ recorded: 'app', password })) })).toMatchObject({
    code: 'BAD_INPUT',
    message: 'credentials.users give recorded user "app" two passwords: give one',
    path: ['credentials', 'users'],
  });
  expect(refusal({ users: [{ recorded: 'app', password: 'hun\0ter' }] })).toMatchObject({
    code: 'BAD_INPUT',
    message: 'credentials.users give recorded user "app" a password that holds a NUL character',
    path: ['credentials', 'users'],
  });
});
