/** The style of an HTML report. */
export const HTML_STYLE = `
:root { color-scheme: light dark; --text: #1b1f24; --muted: #57606a; --line: #d0d7de; --back: #fff; --band: #f6f8fa; --good: #116329; --bad: #b31d28; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --muted: #9aa4af; --line: #30363d; --back: #0d1117; --band: #161b22; --good: #56d364; --bad: #ff7b72; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem; max-width: 110rem; font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back); }
h1 { font-size: 1.5rem; margin: 0; overflow-wrap: anywhere; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
header p { margin: .25rem 0; } footer { margin-top: 2rem; color: var(--muted); }
.verdict { font-size: 1.1rem; font-weight: 600; } .good { color: var(--good); } .bad { color: var(--bad); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; } caption { text-align: left; color: var(--muted); padding-bottom: .25rem; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; overflow-wrap: break-word; }
thead th { background: var(--band); white-space: nowrap; } th.number, td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.pairs { width: auto; } .pairs th { font-weight: 500; color: var(--muted); white-space: nowrap; }
td.code { min-width: 24rem; } code { font: 13px/1.4 ui-monospace, monospace; display: block; max-height: 8.5em; overflow: auto; white-space: pre-wrap; }
thead button { all: unset; cursor: pointer; font: inherit; } thead button:focus-visible { outline: 2px solid currentColor; outline-offset: 2px; }
@media print { code { max-height: none; } }
`;

/**
 * Sorts a table by the column whose heading is pressed; without it the page shows everything all the same. `hash` is
 * that of the text, for the page's own policy; a test keeps them together.
 */
export const HTML_SCRIPT = {
  hash: 'sha256-Dp2A11jM+RwZAM6vlSlXPH8sUmEOzBXa950ulziIO1M=',
  text: `for (const table of document.querySelectorAll('table.sortable')) {
  const body = table.tBodies[0];
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = heading.textContent;
    heading.replaceChildren(button);
    button.addEventListener('click', () => {
      const numeric = heading.classList.contains('number');
      const now = heading.getAttribute('aria-sort');
      const up = now === null ? !numeric : now === 'descending';
      const value = (row) => numeric ? Number(row.cells[column].dataset.value || -1) : row.cells[column].textContent;
      const rows = [...body.rows].sort((a, b) => {
        const x = value(a), y = value(b);
        return (x < y ? -1 : x > y ? 1 : 0) * (up ? 1 : -1);
      });
      for (const other of headings) other.removeAttribute('aria-sort');
      heading.setAttribute('aria-sort', up ? 'ascending' : 'descending');
      body.append(...rows);
    });
  });
}`,
} as const;
