import { effect, signal } from '@preact/signals';
import { type Client, createClient, type Operation, RepriseError } from '../../client/index.ts';
import type { Endpoint } from '../../client/transport.ts';

const TOKEN_KEY = 'reprise.token';

/** How long what is open goes on trying to reach the service: a page is left open over night. */
export const GIVE_UP_AFTER_MS = 24 * 3_600_000;

/** Where the API is: beside this page, also under a path of a reverse proxy. */
const baseUrl = new URL('.', document.baseURI).href.replace(/\/+$/, '');

/** The access token, for this tab only. */
const token = signal<string | null>(sessionStorage.getItem(TOKEN_KEY));

/** Why a token is asked for; null when none is. */
export const tokenWanted = signal<string | null>(null);

let client: Client = createClient({ url: baseUrl, token: token.value });
effect(() => {
  client = createClient({ url: baseUrl, token: token.value });
});

/** Where the service of this page is, with the token that was given. */
export function endpoint(): Endpoint {
  return { url: baseUrl, token: token.value };
}

/** The client of this page; a new one when the token changes. */
export function api(): Client {
  return client;
}

/** Changes with every token: what is shown is asked for again. */
export const signedInAs = token;

/** Takes a token from then on, kept for this tab. */
export function signIn(given: string): void {
  sessionStorage.setItem(TOKEN_KEY, given);
  token.value = given;
  tokenWanted.value = null;
}

/** Forgets the token. */
export function signOut(): void {
  sessionStorage.removeItem(TOKEN_KEY);
  token.value = null;
  tokenWanted.value = 'Signed out. Give a token to go on.';
}

/**
 * Sends a query or mutation; asks for a token where the service wants one.
 * @throws as `Client.request`
 */
export async function ask<Result, Variables>(
  document: Operation<Result, Variables>,
  variables: Variables,
  abort?: AbortSignal,
): Promise<Result> {
  try {
    return await client.request(document, variables, abort);
  } catch (error) {
    noticeRefusal(error);
    throw error;
  }
}

/** What a query of one run gave. @throws RepriseError REPLAY_NOT_FOUND for null: there is no such run any more */
export function ofRun<T>(answer: T | null): T {
  if (answer === null) throw new RepriseError('REPLAY_NOT_FOUND', 'This run is not there any more: it was deleted.');
  return answer;
}

/** Opens the token prompt when an error says that one is needed. */
export function noticeRefusal(error: unknown): void {
  if (!(error instanceof RepriseError) || error.code !== 'UNAUTHENTICATED') return;
  tokenWanted.value =
    token.value === null ? 'This service asks for an access token.' : 'The service does not know this token.';
}

/** What is shown of anything thrown. */
export function messageOf(error: unknown): string {
  if (error instanceof RepriseError && error.code === 'SERVICE_UNREACHABLE') {
    return 'The service does not answer. It is tried again when something is asked for.';
  }
  if (error instanceof RepriseError && error.code === 'FORBIDDEN') {
    return 'This token is a reader: it may look at everything, and change nothing. An operator token may.';
  }
  return error instanceof Error ? error.message : String(error);
}
