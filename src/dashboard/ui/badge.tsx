import type { ComponentChildren } from 'preact';
import type { EntryOutcomeStatus, OutcomeStatus, ReplayState } from '../../client/index.ts';
import { OUTCOMES, RECORDED, STATES, type Tone } from '../lib/words.ts';
import { Icon, type IconName } from './icon.tsx';

/** A word with a sign and a colour: the colour is never the only one that tells. */
export function Badge(props: { readonly tone: Tone; readonly icon?: IconName; readonly children: ComponentChildren }) {
  return (
    <span class={`badge ${props.tone}`}>
      {props.icon && <Icon name={props.icon} size={12} />}
      {props.children}
    </span>
  );
}

export const STATE_ICONS: Readonly<Record<ReplayState, IconName>> = {
  PENDING: 'clock',
  CONNECTING: 'ring',
  RUNNING: 'play',
  PAUSED: 'pause',
  COMPLETED: 'check',
  CANCELLED: 'stop',
  FAILED: 'cross',
  INTERRUPTED: 'warn',
};

export function StateBadge({ state }: { readonly state: ReplayState }) {
  return (
    <Badge tone={STATES[state].tone} icon={STATE_ICONS[state]}>
      {STATES[state].label}
    </Badge>
  );
}

const OUTCOME_ICONS: Readonly<Record<OutcomeStatus | 'CASCADE', IconName>> = {
  SUCCEEDED: 'check',
  FAILED: 'cross',
  CASCADE: 'cascade',
  SKIPPED: 'dash',
  UNKNOWN: 'question',
};

interface OutcomeProps {
  readonly status: OutcomeStatus;
  readonly cascade?: boolean;
  readonly sqlstate?: string | null;
}

/** What became of a statement on the target; a failure shows its SQLSTATE. */
export function OutcomeBadge({ status, cascade, sqlstate }: OutcomeProps) {
  const kind = cascade ? 'CASCADE' : status;
  return (
    <Badge tone={OUTCOMES[kind].tone} icon={OUTCOME_ICONS[kind]}>
      {OUTCOMES[kind].label}
      {sqlstate && <code>{sqlstate}</code>}
    </Badge>
  );
}

/** How a recorded statement ended on the source. */
export function RecordedBadge({
  status,
  sqlstate,
}: {
  readonly status: EntryOutcomeStatus;
  readonly sqlstate: string | null;
}) {
  return (
    <Badge tone={RECORDED[status].tone} icon={OUTCOME_ICONS[status]}>
      {RECORDED[status].label}
      {sqlstate && <code>{sqlstate}</code>}
    </Badge>
  );
}

/** The sign of an outcome alone, for dense rows; its word is read aloud and shown on hover. */
export function OutcomeSign({ status, cascade, sqlstate }: OutcomeProps) {
  const kind = cascade ? 'CASCADE' : status;
  const word = `${OUTCOMES[kind].label}${sqlstate ? ` ${sqlstate}` : ''}`;
  return (
    <span class={`sign ${OUTCOMES[kind].tone}`} title={word}>
      <Icon name={OUTCOME_ICONS[kind]} size={14} />
      <span class="hidden">{word}</span>
    </span>
  );
}
