import { Icon } from './icon.tsx';

interface SearchProps {
  /** What is searched, read aloud. */
  readonly label: string;
  readonly placeholder: string;
  readonly value: string;
  readonly onInput: (value: string) => void;
  /** `/` leads to it: of one on a screen. */
  readonly shortcut?: boolean;
}

/** A field to search with. */
export function SearchBox({ label, placeholder, value, onInput, shortcut = false }: SearchProps) {
  return (
    <div class="search-box">
      <Icon name="search" />
      <input
        type="search"
        aria-label={label}
        placeholder={placeholder}
        value={value}
        spellcheck={false}
        data-shortcut={shortcut ? 'search' : undefined}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </div>
  );
}

interface FilterProps<Value extends string> {
  /** What is filtered by, read aloud. */
  readonly label: string;
  /** The words for no filter; none where one always is. */
  readonly any?: string;
  readonly value: Value | '';
  readonly options: readonly (readonly [value: Value, label: string])[];
  readonly onChange: (value: Value | '') => void;
}

/** One of a few kinds, or any. */
export function FilterSelect<Value extends string>({ label, any, value, options, onChange }: FilterProps<Value>) {
  return (
    <select aria-label={label} value={value} onChange={(event) => onChange(event.currentTarget.value as Value | '')}>
      {any && <option value="">{any}</option>}
      {options.map(([option, words]) => (
        <option key={option} value={option}>
          {words}
        </option>
      ))}
    </select>
  );
}
