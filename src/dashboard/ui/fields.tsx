import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

interface Common {
  readonly label: string;
  /** What it means, or its default. */
  readonly hint?: string | undefined;
  /** What is wrong with it. */
  readonly error?: string | null | undefined;
}

interface TextProps extends Common {
  readonly value: string;
  readonly onInput: (value: string) => void;
  readonly type?: 'text' | 'password' | 'search';
  readonly inputMode?: 'numeric' | 'decimal';
  readonly placeholder?: string;
  readonly mono?: boolean;
  readonly onBlur?: () => void;
  readonly required?: boolean;
}

export function TextField(props: TextProps) {
  const id = useId();
  const note = props.error ?? props.hint;
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <input
        id={id}
        // One of three words; Preact's types want a single one.
        type={(props.type ?? 'text') as 'text'}
        inputMode={props.inputMode}
        value={props.value}
        placeholder={props.placeholder}
        class={props.mono ? 'mono' : undefined}
        aria-invalid={props.error ? true : undefined}
        aria-describedby={note ? `${id}-note` : undefined}
        required={props.required}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => props.onInput(event.currentTarget.value)}
        onBlur={props.onBlur}
      />
      {note && (
        <p id={`${id}-note`} class={props.error ? 'hint error' : 'hint'}>
          {note}
        </p>
      )}
    </div>
  );
}

interface SelectProps<Value extends string> extends Common {
  readonly value: Value;
  readonly options: readonly { readonly value: Value; readonly label: string }[];
  readonly onChange: (value: Value) => void;
}

export function SelectField<Value extends string>(props: SelectProps<Value>) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <select
        id={id}
        value={props.value}
        aria-describedby={props.hint ? `${id}-note` : undefined}
        onChange={(event) => props.onChange(event.currentTarget.value as Value)}
      >
        {props.options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
      {props.hint && (
        <p id={`${id}-note`} class="hint">
          {props.hint}
        </p>
      )}
    </div>
  );
}

interface CheckProps {
  readonly label: string;
  readonly hint?: string;
  readonly checked: boolean;
  readonly onChange: (checked: boolean) => void;
}

export function CheckField(props: CheckProps) {
  const id = useId();
  return (
    <div class="field check">
      <input
        id={id}
        type="checkbox"
        checked={props.checked}
        aria-describedby={props.hint ? `${id}-note` : undefined}
        onChange={(event) => props.onChange(event.currentTarget.checked)}
      />
      <label for={id}>{props.label}</label>
      {props.hint && (
        <p id={`${id}-note`} class="hint">
          {props.hint}
        </p>
      )}
    </div>
  );
}

interface ChoiceProps<Value extends string> {
  readonly label: string;
  readonly value: Value;
  readonly options: readonly { readonly value: Value; readonly title: string; readonly text?: string }[];
  readonly onChange: (value: Value) => void;
  /** Cards with a sentence each, or words in a row. */
  readonly look: 'cards' | 'segments';
}

/** One of a few, as radio buttons. */
export function ChoiceField<Value extends string>(props: ChoiceProps<Value>) {
  const id = useId();
  return (
    <fieldset class={`choice ${props.look}`}>
      <legend>{props.label}</legend>
      <div class="options">
        {props.options.map((option) => (
          <label key={option.value}>
            <input
              type="radio"
              name={id}
              value={option.value}
              checked={props.value === option.value}
              onChange={() => props.onChange(option.value)}
            />
            <span>
              <strong>{option.title}</strong>
              {option.text && <small>{option.text}</small>}
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

/** A name and its value, in a description list. */
export function Fact({ name, children }: { readonly name: string; readonly children: ComponentChildren }) {
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** The session and the transaction of a statement of a run, in a description list. */
export function SessionFacts(of: {
  readonly sessionId: string;
  readonly copy: number;
  readonly transactionId: string;
}) {
  return (
    <>
      <Fact name="Session">
        <code>{of.sessionId}</code>
        {of.copy > 0 && ` copy ${of.copy}`}
      </Fact>
      <Fact name="Transaction">
        <code>{of.transactionId}</code>
      </Fact>
    </>
  );
}
