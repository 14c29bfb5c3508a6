// biome-ignore-all lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
import { useMemo } from 'preact/hooks';

const KEYWORDS = new Set(
  (
    'abort all alter analyze and any array as asc begin between by cascade case cast check close cluster column comment ' +
    'commit conflict constraint copy create cross current cursor database deallocate declare default delete desc discard ' +
    'distinct do drop else end except exclude execute exists explain fetch filter first for foreign from full function ' +
    'grant group having if ilike in index inner insert intersect interval into is isolation join key last lateral left ' +
    'level like limit listen local lock merge move natural not nothing notify null nulls offset on only or order outer ' +
    'over partition prepare primary procedure read references refresh release returning revoke right rollback row rows ' +
    'savepoint schema select sequence serializable session set share show skip some start table temp temporary then to ' +
    'transaction trigger true false truncate union unique unlisten update using vacuum values view when where window with work'
  ).split(' '),
);

const TOKEN =
  /(--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|((?:\b[eEbBxXnN])?'(?:[^'\\]|''|\\.)*(?:'|$)|\$(\w*)\$[\s\S]*?(?:\$\3\$|$))|(\$\d+|\?)|(\b\d[\w.]*)|("(?:[^"]|"")*(?:"|$)|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)/g;

interface Part {
  readonly text: string;
  readonly kind: string | null;
}

function parts(text: string): readonly Part[] {
  const result: Part[] = [];
  let at = 0;
  for (const match of text.matchAll(TOKEN)) {
    const [token, comment, string, , parameter, number, word] = match;
    const kind = comment
      ? 'comment'
      : string
        ? 'string'
        : parameter
          ? 'parameter'
          : number
            ? 'number'
            : word && KEYWORDS.has(word.toLowerCase())
              ? 'keyword'
              : null;
    if (kind === null) continue;
    if (match.index > at) result.push({ text: text.slice(at, match.index), kind: null });
    result.push({ text: token, kind });
    at = match.index + token.length;
  }
  if (at < text.length) result.push({ text: text.slice(at), kind: null });
  return result;
}

/** A statement with its keywords, literals and parameters told apart. Beyond 20,000 characters it stays plain. */
export function Sql({ text }: { readonly text: string }) {
  const tokens = useMemo(() => (text.length > 20_000 ? [{ text, kind: null }] : parts(text)), [text]);
  return (
    <code class="sql">
      {tokens.map((part, index) =>
        part.kind === null ? (
          part.text
        ) : (
          <span key={index} class={`sql-${part.kind}`}>
            {part.text}
          </span>
        ),
      )}
    </code>
  );
}

/** A statement as a block, with the place of an error marked where it is known. `position` counts characters from 1. */
export function SqlBlock({ text, position }: { readonly text: string; readonly position?: number | null }) {
  const characters = position ? [...text] : null;
  if (!characters || !position || position > characters.length) {
    return (
      <pre class="sql-block" tabIndex={0}>
        <Sql text={text} />
      </pre>
    );
  }
  const rest = characters.slice(position - 1).join('');
  const word = /^\s*(?:[\w$"]+|\S)/.exec(rest)?.[0] ?? rest.slice(0, 1);
  return (
    <pre class="sql-block" tabIndex={0}>
      <Sql text={characters.slice(0, position - 1).join('')} />
      <mark title="here the target saw the error">{word}</mark>
      <Sql text={rest.slice(word.length)} />
    </pre>
  );
}
