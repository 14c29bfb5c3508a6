// PostgreSQL's text holds neither NUL nor half of a surrogate pair; an API client can send both.
const UNSTORABLE = /[\0\ud800-\udfff]/u;
const UNSTORABLE_ALL = /[\0\ud800-\udfff]/gu;

/** True when PostgreSQL cannot keep the text as it is. */
export function isUnstorable(text: string): boolean {
  return UNSTORABLE.test(text);
}

/** The text with what PostgreSQL cannot keep replaced by U+FFFD. */
export function storable(text: string): string {
  return UNSTORABLE.test(text) ? text.replace(UNSTORABLE_ALL, '\ufffd') : text;
}

/** The same for a text that may be missing. */
export function storableOrNull(text: string | null): string | null {
  return text === null ? null : storable(text);
}
