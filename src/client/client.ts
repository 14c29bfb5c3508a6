import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
import { fromGraphQL, fromStatus, type GraphQLErrorLike, noService, unreachable } from './errors.ts';
import { fetchOrFail } from './fetch.ts';
import { authorizationOf, type Endpoint } from './transport.ts';

/** A generated operation: its text, and the types of its result and variables. */
export type Operation<Result, Variables> = DocumentTypeDecoration<Result, Variables> & { toString(): string };

/**
 * Sends a query or mutation.
 * @throws RepriseError SERVICE_UNREACHABLE when nothing answers, or the code that the service gives; ServiceError
 * when the service failed.
 */
export async function request<Result, Variables>(
  endpoint: Endpoint,
  document: Operation<Result, Variables>,
  variables: Variables,
  signal?: AbortSignal,
): Promise<Result> {
  const authorization = authorizationOf(endpoint);
  let response: Response;
  let text: string;
  try {
    response = await fetchOrFail(`${endpoint.url}/graphql`, {
      method: 'POST',
      headers: {
        accept: 'application/graphql-response+json, application/json',
        'content-type': 'application/json',
        ...authorization,
      },
      body: JSON.stringify({ query: document.toString(), variables }),
      ...(signal ? { signal } : {}),
    });
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw unreachable(endpoint.url, error);
  }
  let body: { data?: Result | null; errors?: readonly GraphQLErrorLike[] };
  try {
    body = JSON.parse(text) as typeof body;
  } catch {
    if (response.ok) throw noService(endpoint.url, 'its answer is no JSON');
    throw fromStatus(endpoint.url, response.status, text.slice(0, 200));
  }
  if (body.errors?.length) throw fromGraphQL(body.errors);
  if (body.data === undefined || body.data === null) throw fromStatus(endpoint.url, response.status, '');
  return body.data;
}
