import { isAbsolute, resolve } from 'node:path';
import { z } from 'zod';
import { readFile } from './values.ts';

/** A target of REPRISE_TARGETS; `TargetAlias` of `src/target/spec.ts` has the same shape. */
export interface ConfiguredTarget {
  readonly alias: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | null;
  readonly database: string;
  readonly tls: 'DISABLE' | 'PREFER' | 'REQUIRE' | 'VERIFY_FULL';
  readonly ca: string | null;
}

const targetFile = z.record(
  z.string().regex(/^[\w.-]{1,100}$/, 'is not an alias: use up to 100 letters, digits and . _ -'),
  z
    .strictObject({
      host: z.string().min(1),
      port: z.int().min(1).max(65_535).default(5432),
      user: z.string().min(1).default('postgres'),
      password: z.string().optional(),
      passwordFile: z.string().min(1).optional(),
      passwordEnv: z.string().min(1).optional(),
      database: z.string().min(1).optional(),
      tls: z
        .string()
        .transform((mode) => mode.toUpperCase().replaceAll('-', '_'))
        .pipe(z.enum(['DISABLE', 'PREFER', 'REQUIRE', 'VERIFY_FULL']))
        .default('PREFER'),
      ca: z.string().min(1).optional(),
    })
    .refine(
      (target) => [target.password, target.passwordFile, target.passwordEnv].filter((p) => p !== undefined).length < 2,
      {
        message: 'give one of password, passwordFile and passwordEnv',
      },
    ),
);

/** Broken or quoted JSON is no path either: the message on a path repeats it, passwords included. */
export function isInline(targets: string): boolean {
  return /[[{"\n]/.test(targets);
}

/** @throws Error what is wrong with the targets; `env` holds the passwords that they name */
export function readTargets(value: string, env: Readonly<Record<string, string | undefined>>): ConfiguredTarget[] {
  const inline = isInline(value);
  const base = inline ? process.cwd() : resolve(value, '..');
  const place = inline ? 'the JSON' : `the file ${value}`;
  let json: unknown;
  try {
    json = JSON.parse(inline ? value : readFile(value, 'the file'));
  } catch (error) {
    // JSON.parse quotes what it met, which may be a password.
    if (error instanceof SyntaxError) throw new Error(`${place} is not valid JSON`);
    throw error;
  }
  const parsed = targetFile.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new Error(`${place}: ${issue?.path.join('.') || 'the whole'}: ${issue?.message}`);
  }
  const near = (path: string) => (isAbsolute(path) ? path : resolve(base, path));
  return Object.entries(parsed.data).map(([alias, target]) => {
    let password = target.password ?? null;
    if (target.passwordFile)
      password = readFile(near(target.passwordFile), `${alias}.passwordFile`).replace(/\r?\n$/, '');
    if (target.passwordEnv) {
      password = env[target.passwordEnv] ?? null;
      if (password === null) throw new Error(`${alias}.passwordEnv names ${target.passwordEnv}, which is not set`);
    }
    const ca =
      target.ca === undefined || target.ca.includes('-----BEGIN')
        ? (target.ca ?? null)
        : readFile(near(target.ca), `${alias}.ca`);
    const { host, port, user, tls } = target;
    return { alias, host, port, user, password, database: target.database ?? user, tls, ca };
  });
}
