import type { IncomingMessage } from 'node:http';

/** Which names and origins a browser may use. */
export interface OriginPolicy {
  /** True when the service listens on a loopback address: then only loopback names are its own. */
  readonly loopbackOnly: boolean;
  /** Further names of this service, without port, as they stand in `Host`. */
  readonly allowedHosts: readonly string[];
  /** Origins of pages elsewhere that may use the API: `https://tools.example`. */
  readonly allowedOrigins: readonly string[];
}

/**
 * Why a request must be refused although it may carry no wrong token; null when it need not be.
 *
 * A name that is not ours in `Host` is DNS rebinding: a page of `evil.example` whose name was pointed at
 * 127.0.0.1 is same-origin to the browser. A foreign `Origin`, or `Sec-Fetch-Site: cross-site`, is a page
 * elsewhere that makes the browser of somebody who can reach us send requests.
 */
export function refuseOrigin(request: IncomingMessage, policy: OriginPolicy): string | null {
  const { host, origin } = request.headers;
  const name = host === undefined ? null : hostName(`http://${host}`);
  if (name === null) return 'the Host header is missing or malformed';
  if (!isOwnName(name, policy))
    return `the Host header names ${JSON.stringify(name)}, which is not a name of this service`;
  if (origin !== undefined) {
    if (policy.allowedOrigins.includes(origin)) return null;
    return sameHost(origin, host as string) ? null : 'pages of other origins may not use this service';
  }
  const site = request.headers['sec-fetch-site'];
  // A link to the page is fine: what is navigated to with GET is shown, not run.
  const isLink = request.headers['sec-fetch-mode'] === 'navigate' && request.method === 'GET';
  if ((site === 'cross-site' || site === 'same-site') && !isLink)
    return 'pages of other origins may not use this service';
  return null;
}

function isOwnName(name: string, policy: OriginPolicy): boolean {
  if (policy.allowedHosts.some((allowed) => allowed.toLowerCase() === name)) return true;
  return policy.loopbackOnly ? isLoopbackName(name) : policy.allowedHosts.length === 0;
}

/** True for a name or address that only this machine answers to. */
export function isLoopbackName(name: string): boolean {
  const bare = name.replace(/^\[|\]$/g, '').toLowerCase();
  return (
    bare === 'localhost' ||
    bare.endsWith('.localhost') ||
    bare === '::1' ||
    /^(::ffff:)?127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(bare)
  );
}

function hostName(url: string): string | null {
  try {
    return new URL(url).hostname.toLowerCase();
  } catch {
    return null;
  }
}

function sameHost(origin: string, host: string): boolean {
  try {
    const url = new URL(origin);
    // `Host` leaves a default port out, and so does URL.
    return url.host === new URL(`${url.protocol}//${host}`).host;
  } catch {
    return false;
  }
}
