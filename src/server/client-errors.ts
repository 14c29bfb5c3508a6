import { GraphQLError } from 'graphql';
import { RepriseError } from '../errors.ts';

/** Tells an unexpected error to the service's log; returns the id under which it is found there. */
export type Report = (error: unknown) => string;

/**
 * The error as a client may see it. What a caller can act on keeps its message and code; a bug becomes a
 * sentence with an id, and goes to the log.
 */
export function toClientError(thrown: unknown, report: Report): GraphQLError {
  const origin = originOf(thrown);
  const shown = thrown instanceof GraphQLError ? thrown : null;
  if (origin instanceof RepriseError) {
    return recast(shown, origin.message, { ...httpOf(shown), code: origin.code, path: origin.path });
  }
  if (shown !== null && (origin === null || origin instanceof GraphQLError)) {
    const { originalError, ...rest } = shown.extensions;
    const extensions: Record<string, unknown> = { ...rest, code: codeOf(rest['code']) };
    // What caused it may quote the request: the parser's word on malformed JSON holds a piece of the body. So it is kept from
    // the client, but Yoga looks at it to tell what it could not read (400) from what it could not execute (200).
    if (originalError !== undefined) Object.defineProperty(extensions, 'originalError', { value: originalError });
    return recast(shown, withoutValue(shown.message), extensions);
  }
  const errorId = report(origin ?? thrown);
  return recast(shown, `the service failed: its log tells more under ${errorId}`, {
    ...httpOf(shown),
    code: 'INTERNAL_SERVER_ERROR',
    unexpected: true,
    errorId,
  });
}

/** Yoga's name for a body that it stopped reading is one more name for a limit. */
function codeOf(code: unknown): unknown {
  return code === 'REQUEST_ENTITY_TOO_LARGE' ? 'LIMIT_EXCEEDED' : (code ?? 'BAD_INPUT');
}

/** The same error at the same place, said otherwise; what caused it is left behind. */
export function recast(error: GraphQLError | null, message: string, extensions: Record<string, unknown>): GraphQLError {
  const { nodes = null, source = null, positions = null, path = null } = error ?? {};
  return new GraphQLError(message, { nodes, source, positions, path, extensions });
}

/** What was thrown first; null for a GraphQLError that is nobody's wrapping. */
function originOf(thrown: unknown): unknown {
  let origin = thrown;
  while (origin instanceof GraphQLError && origin.originalError != null) origin = origin.originalError;
  return origin === thrown && thrown instanceof GraphQLError ? null : origin;
}

function httpOf(error: GraphQLError | null): object {
  return error?.extensions['http'] === undefined ? {} : { http: error.extensions['http'] };
}

/** graphql-js repeats the whole value of a variable that it refuses, a password beside the fault included. */
function withoutValue(message: string): string {
  return message.replace(
    /^Variable "\$(\w+)" got invalid value [\s\S]*?(?: at "([^"\n]+)")?; (?=[^;]*$)/,
    (_all, name: string, at: string | undefined) =>
      `Variable "$${name}" got an invalid value${at ? ` at "${at}"` : ''}; `,
  );
}

const SECRET_KEY = /pass|secret|token|authorization/i;
/** What stands behind a name in a document; sticky, because a search for name and value at once takes quadratic time. */
const LITERAL = /(?:\s*:\s*|\s*(?="))("""[\s\S]*?"""|"(?:[^"\\\n]|\\.)*"?|[^\s,)}\]"]+)/y;
/** Beyond them, searching each message for each would hold the service up; a run maps 1,000 users at most. */
const MOST_SECRETS = 2000;

/** Every value of a request that stands under a name like `password`. */
export function secretsOf(request: { readonly query?: unknown; readonly variables?: unknown }): readonly string[] {
  const secrets = new Set<string>();
  const collect = (value: unknown) => {
    if (typeof value === 'string' && value !== '') secrets.add(value);
    else if (typeof value === 'number' || typeof value === 'bigint') secrets.add(String(value));
  };
  const waiting: unknown[] = [request.variables];
  // A bulk call holds hundreds of thousands of values, none of them secret: the walk is bounded.
  for (let seen = 0; waiting.length > 0 && seen < 100_000; seen++) {
    const value = waiting.pop();
    if (typeof value !== 'object' || value === null) continue;
    for (const [key, inner] of Object.entries(value)) {
      if (SECRET_KEY.test(key)) collect(inner);
      if (typeof inner === 'object') waiting.push(inner);
    }
  }
  if (typeof request.query === 'string' && SECRET_KEY.test(request.query)) {
    const words = /\w+/g;
    for (let word = words.exec(request.query); word !== null; word = words.exec(request.query)) {
      if (!SECRET_KEY.test(word[0])) continue;
      LITERAL.lastIndex = words.lastIndex;
      const literal = LITERAL.exec(request.query)?.[1];
      if (literal === undefined) continue;
      words.lastIndex = LITERAL.lastIndex;
      if (!literal.startsWith('$')) collect(literal.replace(/^"""|"""$|^"|"$/g, ''));
    }
  }
  return [...secrets].sort((a, b) => b.length - a.length);
}

/** The errors with every secret of the request blotted out. */
export function withoutSecrets(
  errors: readonly GraphQLError[],
  request: { readonly query?: unknown; readonly variables?: unknown },
): GraphQLError[] {
  const secrets = secretsOf(request);
  if (secrets.length > MOST_SECRETS) {
    return errors.map((error) => recast(error, 'the request holds too many secrets to tell of it', error.extensions));
  }
  return errors.map((error) => {
    const message = secrets.reduce((text, secret) => text.replaceAll(secret, '[secret]'), withoutValue(error.message));
    return message === error.message ? error : recast(error, message, error.extensions);
  });
}
