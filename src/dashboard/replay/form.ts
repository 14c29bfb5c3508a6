import type {
  Edges,
  EntryOutcomeStatus,
  Ordering,
  PaceMode,
  ReplayInput,
  StatementType,
  TlsMode,
} from '../../client/index.ts';
import { isId } from '../lib/format.ts';
import { type Span, windowOf } from '../lib/time.ts';

/** A recorded name and what stands for it on the target. */
export interface NameMapping {
  readonly recorded: string;
  readonly target: string;
  /** Of a login; held in memory only. */
  readonly password: string;
}

/** What the form holds; numbers as they were typed. */
export interface ReplayForm {
  readonly targetKind: 'alias' | 'address';
  readonly alias: string;
  readonly host: string;
  readonly port: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly tls: TlsMode;
  readonly ordering: Ordering;
  readonly pace: PaceMode;
  readonly speed: string;
  readonly maxIdle: string;
  readonly types: readonly StatementType[];
  readonly text: string;
  readonly textExcludes: string;
  readonly databases: string;
  readonly users: string;
  readonly applications: string;
  readonly sessions: string;
  readonly transactions: string;
  readonly outcome: EntryOutcomeStatus | '';
  readonly minDuration: string;
  readonly databaseMap: readonly NameMapping[];
  readonly userMap: readonly NameMapping[];
  readonly stopAfter: string;
  readonly statementTimeout: string;
  readonly connectTimeout: string;
  readonly runTimeout: string;
  readonly thresholds: string;
  readonly slowerRatio: string;
  readonly slowerMin: string;
  readonly digestRows: boolean;
  readonly edges: Edges | '';
  readonly maxConnections: string;
  readonly inFlight: string;
  readonly scale: string;
  readonly syncCommits: boolean;
  readonly readOnly: boolean;
  readonly restoreIds: boolean;
  readonly markProgress: boolean;
  /** Empty: as the service decides. */
  readonly settleCommits: '' | 'on' | 'off';
}

export const NEW_FORM: ReplayForm = {
  targetKind: 'alias',
  alias: '',
  host: '127.0.0.1',
  port: '5432',
  user: '',
  password: '',
  database: '',
  tls: 'PREFER',
  ordering: 'TIMESTAMP',
  pace: 'AS_FAST_AS_POSSIBLE',
  speed: '1',
  maxIdle: '',
  types: [],
  text: '',
  textExcludes: '',
  databases: '',
  users: '',
  applications: '',
  sessions: '',
  transactions: '',
  outcome: '',
  minDuration: '',
  databaseMap: [],
  userMap: [],
  stopAfter: '',
  statementTimeout: '',
  connectTimeout: '',
  runTimeout: '',
  thresholds: '',
  slowerRatio: '',
  slowerMin: '',
  digestRows: false,
  edges: '',
  maxConnections: '',
  inFlight: '',
  scale: '',
  syncCommits: false,
  readOnly: false,
  restoreIds: true,
  markProgress: false,
  settleCommits: '',
};

export type FormErrors = Partial<Record<keyof ReplayForm, string>>;

interface Range {
  readonly from: number;
  readonly to: number;
  readonly whole: boolean;
}

const DAY_MS = 86_400_000;

/** Fields that are numbers, with what the service takes. */
const NUMBERS: Partial<Record<keyof ReplayForm, Range>> = {
  port: { from: 1, to: 65_535, whole: true },
  speed: { from: 0.1, to: 100, whole: false },
  maxIdle: { from: 0, to: DAY_MS, whole: false },
  minDuration: { from: 0, to: 1e9, whole: false },
  stopAfter: { from: 1, to: 1e12, whole: true },
  statementTimeout: { from: 0.001, to: 86_400, whole: false },
  connectTimeout: { from: 0.001, to: 600, whole: false },
  runTimeout: { from: 0.001, to: 2_592_000, whole: false },
  slowerRatio: { from: 1, to: 1e6, whole: false },
  slowerMin: { from: 0, to: DAY_MS, whole: false },
  maxConnections: { from: 2, to: 10_000, whole: true },
  inFlight: { from: 1, to: 1024, whole: true },
  scale: { from: 1, to: 1000, whole: true },
};

/** What is wrong with the form, by field; empty when it can be sent. */
export function errorsOf(form: ReplayForm): FormErrors {
  const errors: FormErrors = {};
  for (const [name, range] of Object.entries(NUMBERS) as [keyof ReplayForm, Range][]) {
    const value = String(form[name]).trim();
    if (value === '' || !isShown(form, name)) continue;
    const number = Number(value);
    if (!(number >= range.from && number <= range.to) || (range.whole && !Number.isInteger(number))) {
      errors[name] =
        `${range.whole ? 'A whole number' : 'A number'} from ${range.from} to ${range.to.toLocaleString('en-US')}`;
    }
  }
  if (form.targetKind === 'alias' && form.alias.trim() === '') errors.alias = 'Name a target of the configuration';
  if (form.targetKind === 'address' && form.host.trim() === '') errors.host = 'Name a host';
  if (!(list(form.transactions) ?? []).every(isId)) {
    errors.transactions = 'Ids of transactions are UUIDs, as the journal shows them';
  }
  for (const name of ['databaseMap', 'userMap'] as const) {
    const wrong = mappingFault(mapped(form[name]));
    if (wrong !== null) errors[name] = wrong;
  }
  return errors;
}

/** The rows that hold something, without spaces around names. */
function mapped(rows: readonly NameMapping[]): readonly NameMapping[] {
  return rows
    .map(({ recorded, target, password }) => ({ recorded: recorded.trim(), target: target.trim(), password }))
    .filter((row) => row.recorded !== '' || row.target !== '' || row.password !== '');
}

function mappingFault(rows: readonly NameMapping[]): string | null {
  if (rows.some(({ recorded, target }) => recorded === '' || target === '')) {
    return 'Each line needs a recorded name and the one on the target';
  }
  const twice = rows.find(({ recorded }, n) => rows.findIndex((row) => row.recorded === recorded) < n);
  return twice === undefined ? null : `“${twice.recorded}” is mapped twice`;
}

/** What a field holds, by comma; undefined where it holds nothing. */
function list(text: string): string[] | undefined {
  const items = text
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean);
  return items.length > 0 ? items : undefined;
}

/** What does not concern the chosen ordering, pace or kind of target is neither checked nor sent. */
export function isShown(form: ReplayForm, name: keyof ReplayForm): boolean {
  if (name === 'port') return form.targetKind === 'address';
  // An alias has a password of its own, for its own user.
  if (name === 'password') return form.targetKind === 'address' || form.user.trim() !== '';
  if (name === 'speed' || name === 'maxIdle') return form.pace === 'RECORDED';
  if (name === 'inFlight')
    return form.ordering === 'COMMIT' || (form.ordering === 'SESSION' && form.pace !== 'RECORDED');
  if (name === 'scale') return form.ordering === 'SESSION';
  return true;
}

/** The form as the API takes it; what was left alone is left out, so that the service's defaults hold. */
export function inputOf(form: ReplayForm, window: Span): ReplayInput {
  const number = (name: keyof ReplayForm) => {
    const value = String(form[name]).trim();
    return value === '' || !isShown(form, name) ? undefined : Number(value);
  };
  // Whole milliseconds, which 0.29 s times 1,000 is not.
  const millis = (name: keyof ReplayForm) => {
    const seconds = number(name);
    return seconds === undefined ? undefined : Math.round(seconds * 1000);
  };
  const login = {
    ...(form.user.trim() ? { user: form.user.trim() } : {}),
    ...(form.password && isShown(form, 'password') ? { password: form.password } : {}),
    ...(form.database.trim() ? { database: form.database.trim() } : {}),
  };
  const filter = withoutAbsent({
    statementTypes: form.types.length > 0 ? [...form.types] : undefined,
    text: form.text.trim() || undefined,
    textExcludes: form.textExcludes.trim() || undefined,
    databases: list(form.databases),
    users: list(form.users),
    applications: list(form.applications),
    sessionIds: list(form.sessions),
    transactionIds: list(form.transactions),
    outcome: form.outcome || undefined,
    minDurationMs: number('minDuration'),
  });
  const databases = mapped(form.databaseMap).map(({ recorded, target }) => ({ recorded, target }));
  const users = mapped(form.userMap).map(({ recorded, target, password }) => ({
    recorded,
    user: target,
    ...(password ? { password } : {}),
  }));
  const slower = withoutAbsent({ ratio: number('slowerRatio'), minMs: number('slowerMin') });
  return withoutAbsent({
    window: windowOf(window),
    target:
      form.targetKind === 'alias'
        ? { alias: form.alias.trim(), ...login }
        : { host: form.host.trim(), port: number('port') ?? 5432, tls: form.tls, ...login },
    ordering: form.ordering,
    pace:
      form.pace === 'RECORDED'
        ? withoutAbsent({ mode: form.pace, speed: number('speed') ?? 1, maxIdleMs: number('maxIdle') })
        : { mode: form.pace },
    filter: Object.keys(filter).length > 0 ? filter : undefined,
    databases: databases.length > 0 ? databases : undefined,
    users: users.length > 0 ? users : undefined,
    stopAfterFailures: number('stopAfter'),
    statementTimeoutMs: millis('statementTimeout'),
    connectTimeoutMs: millis('connectTimeout'),
    runTimeoutMs: millis('runTimeout'),
    slower: Object.keys(slower).length > 0 ? slower : undefined,
    thresholds: list(form.thresholds),
    digestRows: form.digestRows || undefined,
    edges: form.edges || undefined,
    maxConnections: number('maxConnections'),
    inFlight: number('inFlight'),
    scale: number('scale'),
    syncCommits: (form.ordering === 'SESSION' && form.syncCommits) || undefined,
    readOnly: form.readOnly || undefined,
    restoreIds: form.ordering === 'COMMIT' && !form.restoreIds ? false : undefined,
    settleCommits: form.settleCommits === '' ? undefined : form.settleCommits === 'on',
    markProgress: (form.ordering === 'COMMIT' && form.markProgress) || undefined,
  }) as ReplayInput;
}

type Present<T> = { [Key in keyof T]: Exclude<T[Key], undefined> };

function withoutAbsent<T extends object>(value: T): Present<T> {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as Present<T>;
}
