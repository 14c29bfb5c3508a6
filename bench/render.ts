import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { markdownTable } from './lib/table.ts';
import { PARTS } from './parts.ts';
import type { Stored } from './stored.ts';

// Puts the tables of results/latest.json between the markers of docs/performance.md: `tsx bench/render.ts`.

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const stored = JSON.parse(readFileSync(file('results/latest.json'), 'utf8')) as Stored;
let page = readFileSync(file('../docs/performance.md'), 'utf8');

for (const part of PARTS) {
  const measured = stored.parts[part.name];
  if (measured === undefined) {
    put(part.name, '*Not measured yet.*\n');
    continue;
  }
  const { takenAt, build, cpu, rounds, quick, loadBefore, data } = measured;
  const tables = part.tables(data).map(markdownTable).join('\n');
  const how = `Build \`${build}\`, ${cpu}, ${takenAt.slice(0, 16).replace('T', ' ')} UTC, ${rounds} ${rounds === 1 ? 'round' : 'rounds'}${quick ? ', **quick: too small for figures**' : ''}, load before ${loadBefore.toFixed(2)}.`;
  put(part.name, `${tables}\n${how}\n`);
}
put(
  'machine',
  `${Object.entries(stored.machine)
    .map(([name, value]) => `${name} ${value}`)
    .join(' · ')}\n`,
);
writeFileSync(file('../docs/performance.md'), page);

function put(name: string, text: string): void {
  const begin = `<!-- bench:${name} -->\n`;
  const end = `<!-- /bench:${name} -->`;
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error(`docs/performance.md has no place for ${name}: ${begin.trim()} … ${end}`);
  page = `${page.slice(0, from + begin.length)}\n${text}\n${page.slice(to)}`;
}
