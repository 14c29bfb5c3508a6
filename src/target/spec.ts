/** TLS modes, as libpq names them. */
export const TLS_MODES = ['DISABLE', 'PREFER', 'REQUIRE', 'VERIFY_FULL'] as const;
export type TlsMode = (typeof TLS_MODES)[number];

/**
 * A target as a caller names it: by alias from the configuration, with overrides of user, password and
 * database, or free-form. An alias's password goes only to the alias's own host; it is not used when
 * `user` is overridden.
 */
export type TargetSpec =
  | {
      readonly alias: string;
      readonly user?: string | null;
      readonly password?: string | null;
      readonly database?: string | null;
    }
  | {
      readonly host: string;
      readonly port: number;
      readonly user?: string | null;
      readonly password?: string | null;
      readonly database?: string | null;
      readonly tls?: TlsMode;
    };

/** A target of the configuration. */
export interface TargetAlias {
  readonly alias: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | null;
  readonly database: string;
  readonly tls: TlsMode;
  /** PEM text of the CA for VERIFY_FULL; null: the system's. */
  readonly ca: string | null;
}

/** A target that policy has passed: the address that was checked is the one that is connected to. */
export interface ResolvedTarget {
  readonly alias: string | null;
  /** As the caller or the configuration named it; for messages and TLS server names. */
  readonly host: string;
  /** The checked IP address, or the directory of a listed Unix socket. */
  readonly address: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | null;
  readonly database: string;
  readonly tls: TlsMode;
  readonly ca: string | null;
}

/** `host:port/database`, without credentials: what messages and stored rows may show. */
export function targetLabel(target: {
  readonly host: string;
  readonly port: number;
  readonly database: string;
}): string {
  // A caller may have given the brackets of an IPv6 address.
  const host = /^[^[].*:/.test(target.host) ? `[${target.host}]` : target.host;
  return `${host}:${target.port}/${target.database}`;
}
