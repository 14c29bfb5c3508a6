import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ShopService, scrape, startShop } from './support.ts';

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly datasource?: { readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly datasource: { readonly uid: string } }[];
}

const read = (file: string) => readFile(`examples/grafana/${file}`, 'utf8');
/** What Prometheus itself adds to every target. */
const OF_PROMETHEUS = new Set(['up']);
const FUNCTIONS_AND_WORDS = /^(?:sum|min|max|by|rate|increase|deriv|clamp_min|histogram_quantile|label_values)$/;

/** Names of metrics in an expression: words outside of label matchers, ranges and groupings. */
const metricsOf = (expression: string) =>
  (expression.replace(/\{[^}]*\}|\[[^\]]*\]|\bby \([^)]*\)|"[^"]*"/g, ' ').match(/[a-z_][a-z0-9_]*/gi) ?? []).filter(
    (word) => !FUNCTIONS_AND_WORDS.test(word),
  );

/** Labels that an expression matches or groups by. */
const labelsOf = (expression: string) => [
  ...[...expression.matchAll(/\{([^}]*)\}/g)].flatMap(([, inner = '']) =>
    [...inner.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label),
  ),
  ...[...expression.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, inner = '']) => inner.split(/,\s*/)),
];

let shop: ShopService;
let names: ReadonlySet<string>;
let labels: ReadonlySet<string>;

beforeAll(async () => {
  shop = await startShop();
  await fetch(`${shop.url}/graphql?query={__typename}`);
  await scrape(shop.url);
  const samples = [...(await scrape(shop.url)).keys()];
  names = new Set(samples.map((sample) => sample.replace(/\{.*/, '')));
  labels = new Set(samples.flatMap((sample) => [...sample.matchAll(/(\w+)="/g)].map(([, label = '']) => label)));
});
afterAll(() => shop.close());

const check = (expression: string) => {
  const metrics = metricsOf(expression).filter((name) => !OF_PROMETHEUS.has(name));
  for (const name of metrics) expect(names, expression).toContain(name);
  for (const label of labelsOf(expression)) {
    if (label !== 'instance' && label !== 'job') expect(labels, expression).toContain(label);
  }
  return metrics;
};

describe('the Grafana dashboard', async () => {
  const dashboard = JSON.parse(await read('dashboard.json')) as {
    readonly panels: readonly Panel[];
    readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
  };
  const drawn = dashboard.panels.filter(({ type }) => type !== 'row');

  test.each(drawn.map((panel) => [panel.title, panel] as const))(
    '"%s" asks for metrics and labels that the service has',
    (_title, { targets = [] }) => {
      expect(targets.length).toBeGreaterThan(0);
      for (const { expr } of targets) expect(check(expr).length).toBeGreaterThan(0);
    },
  );

  test('every panel takes its data from the source that was chosen', () => {
    expect(dashboard.templating.list[0]).toMatchObject({ name: 'datasource', type: 'datasource' });
    for (const { datasource, targets = [] } of drawn) {
      for (const { uid } of [datasource, ...targets.map((target) => target.datasource)].flatMap((s) => s ?? [])) {
        expect(uid).toBe(`\${datasource}`);
      }
    }
  });

  test('no two panels have one id or lie on each other', () => {
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, at) => `${x + (at % w)},${y + Math.floor(at / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(dashboard.panels.every(({ gridPos: { x, w } }) => x + w <= 24)).toBe(true);
  });
});

test('every alert asks for metrics and labels that the service has', async () => {
  const expressions = [...(await read('alerts.yml')).matchAll(/^ +expr: (.+)$/gm)].map(([, expr = '']) => expr);
  expect(expressions.length).toBeGreaterThan(5);
  for (const expression of expressions) check(expression);
});

test('every metric of the service has its line in the documentation', async () => {
  const documented = await readFile('docs/observability.md', 'utf8');
  const own = [...names].filter((name) => name.startsWith('reprise_'));
  const base = new Set(own.map((name) => name.replace(/_(?:bucket|sum|count)$/, '')));
  for (const name of base) expect(documented).toContain(`\`${name}\``);
  const told = [...documented.matchAll(/`(reprise_[a-z_]+)`/g)].map(([, name = '']) => name);
  for (const name of told) expect([...base]).toContain(name);
});
