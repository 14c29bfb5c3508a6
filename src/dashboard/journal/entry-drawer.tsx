import { useSignal } from '@preact/signals';
import { bytes } from '../../client/bytes.ts';
import {
  type EntryFieldsFragment,
  EntryViewDocument,
  TransactionViewDocument,
  type TransactionViewQuery,
} from '../../client/index.ts';
import { ask } from '../lib/api.ts';
import { count, duration, NOTHING, plural } from '../lib/format.ts';
import { usePaged } from '../lib/paged.ts';
import { useResource } from '../lib/resource.ts';
import { dateTime } from '../lib/time.ts';
import { TRANSACTIONS, UNREPLAYABLE } from '../lib/words.ts';
import { Badge, RecordedBadge } from '../ui/badge.tsx';
import { Drawer } from '../ui/drawer.tsx';
import { Fact } from '../ui/fields.tsx';
import { Icon } from '../ui/icon.tsx';
import { Failure, Loading, Notice } from '../ui/notice.tsx';
import { SqlBlock } from '../ui/sql.tsx';
import { VirtualTable } from '../ui/virtual-table.tsx';
import { ENTRY_COLUMNS } from './entry-columns.tsx';

interface Props {
  /** `<transactionId>/<sequence>`. */
  readonly id: string;
  readonly onSelect: (id: string) => void;
  readonly onClose: () => void;
  readonly onSession?: (sessionId: string) => void;
}

/** One entry with its transaction: parameters, outcome, timings, neighbours. */
export function EntryDrawer({ id, onSelect, onClose, onSession }: Props) {
  const entry = useResource(id, async (abort) => {
    const { node } = await ask(EntryViewDocument, { id }, abort);
    return node?.__typename === 'JournalEntry' ? node : null;
  });
  const [transactionId = '', sequence = '1'] = id.split('/');
  return (
    <Drawer title="Entry" onClose={onClose}>
      <Failure error={entry.error} retry={entry.reload} />
      {entry.data ? (
        <EntryDetail entry={entry.data} onSession={onSession} />
      ) : entry.loading ? (
        <Loading what="entry" />
      ) : (
        <Notice tone="warn">The journal holds this entry no more: retention evicted it.</Notice>
      )}
      <TransactionDetail id={transactionId} sequence={Number(sequence)} onSelect={onSelect} />
    </Drawer>
  );
}

function EntryDetail(props: {
  readonly entry: EntryFieldsFragment;
  readonly onSession?: ((id: string) => void) | undefined;
}) {
  const { entry, onSession } = props;
  return (
    <section>
      <p class="lead">
        <RecordedBadge status={entry.outcome.status} sqlstate={entry.outcome.sqlstate} />
        <span class="num">{dateTime(entry.timestamp)} UTC</span>
        <span class="tag">{entry.statementType}</span>
      </p>
      <SqlBlock text={entry.statement} />
      {entry.outcome.message && (
        <Notice tone="bad" title="Failed on the source">
          {entry.outcome.message}
        </Notice>
      )}
      {entry.unreplayable && (
        <Notice tone="warn" title="A replay skips it">
          {UNREPLAYABLE[entry.unreplayable]}
        </Notice>
      )}
      <Parameters parameters={entry.parameters} />
      <dl class="facts two">
        <Fact name="Duration">{duration(entry.durationMs)}</Fact>
        <Fact name="Rows">{count(entry.rows)}</Fact>
        <Fact name="User">{entry.user ?? NOTHING}</Fact>
        <Fact name="Database">{entry.database ?? NOTHING}</Fact>
        <Fact name="Application">{entry.application || NOTHING}</Fact>
        <Fact name="Session">
          {onSession ? (
            <button
              type="button"
              class="link"
              title="Show this session only"
              onClick={() => onSession(entry.sessionId)}
            >
              <code>{entry.sessionId}</code>
            </button>
          ) : (
            <code>{entry.sessionId}</code>
          )}
        </Fact>
        <Fact name="Node">{entry.nodeId}</Fact>
        <Fact name="Protocol">
          {entry.protocol}
          {entry.preparedName && ` (${entry.preparedName})`}
        </Fact>
        {entry.checksum && <Fact name="Checksum">{entry.checksum}</Fact>}
      </dl>
    </section>
  );
}

export function Parameters({ parameters }: Pick<EntryFieldsFragment, 'parameters'>) {
  if (parameters.length === 0) return null;
  return (
    <section aria-label="Parameters">
      <h3>Parameters</h3>
      <table class="table parameters">
        <tbody>
          {parameters.map((parameter, index) => (
            <tr key={index}>
              <th scope="row">
                <code>${index + 1}</code>
              </th>
              <td class="soft">
                {parameter.kind}
                {parameter.oid !== null && ` · oid ${parameter.oid}`}
              </td>
              <td>
                <code>{parameter.text === null ? 'NULL' : parameter.text === '' ? "''" : parameter.text}</code>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

type Transaction = NonNullable<TransactionViewQuery['journalTransaction']>;

function TransactionDetail(props: {
  readonly id: string;
  readonly sequence: number;
  readonly onSelect: (id: string) => void;
}) {
  const { id, sequence, onSelect } = props;
  const transaction = useSignal<Transaction | null>(null);
  const entries = usePaged(id, async (after, abort) => {
    const { journalTransaction } = await ask(TransactionViewDocument, { id, first: 200, after }, abort);
    transaction.value = journalTransaction;
    return journalTransaction?.entries ?? { nodes: [], pageInfo: { hasNextPage: false, endCursor: null } };
  });
  const shown = transaction.value;
  if (!shown)
    return entries.loading ? <Loading what="transaction" /> : <Failure error={entries.error} retry={entries.reload} />;
  const last = shown.entryCount;
  return (
    <section aria-labelledby="transaction-title">
      <div class="row between">
        <h3 id="transaction-title">Transaction</h3>
        <div class="row">
          <button
            type="button"
            class="small"
            disabled={sequence <= 1}
            onClick={() => onSelect(`${id}/${sequence - 1}`)}
          >
            <Icon name="left" size={12} /> Previous
          </button>
          <span class="num soft">
            {sequence} of {count(last)}
          </span>
          <button
            type="button"
            class="small"
            disabled={sequence >= last}
            onClick={() => onSelect(`${id}/${sequence + 1}`)}
          >
            Next <Icon name="right" size={12} />
          </button>
        </div>
      </div>
      <dl class="facts two">
        <Fact name="Status">
          <Badge tone={TRANSACTIONS[shown.status].tone}>{TRANSACTIONS[shown.status].label}</Badge>
          {shown.autocommit && <span class="soft"> autocommit</span>}
        </Fact>
        <Fact name="Id">
          <code>{shown.id}</code>
        </Fact>
        <Fact name="Began">{dateTime(shown.startedAt)}</Fact>
        <Fact name="Ended">{shown.endedAt ? dateTime(shown.endedAt) : NOTHING}</Fact>
        <Fact name="Position">{count(Number(shown.position))}</Fact>
        <Fact name="Commit position">{shown.commitSeq === null ? NOTHING : count(Number(shown.commitSeq))}</Fact>
        <Fact name="Size">
          {plural(shown.entryCount, 'entry', 'entries')}, {bytes(shown.byteCount)}
        </Fact>
      </dl>
      <VirtualTable
        label="Entries of the transaction"
        columns={ENTRY_COLUMNS.filter((column) => column.key !== 'session')}
        rows={entries.rows}
        rowKey={(row) => row.id}
        selected={`${id}/${sequence}`}
        onOpen={(row) => onSelect(row.id)}
        onEnd={entries.more}
        height="320px"
      />
    </section>
  );
}
