import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { isDark } from '../lib/theme.ts';

export interface Line {
  readonly label: string;
  /** A custom property of the design: `--good`. */
  readonly colour: string;
  readonly dash?: readonly number[];
  readonly fill?: boolean;
}

interface Props {
  /** What it shows, for who does not see it: with figures. */
  readonly description: string;
  /** x in seconds. */
  readonly x: readonly number[];
  readonly series: readonly (readonly (number | null)[])[];
  readonly lines: readonly Line[];
  readonly height: number;
  readonly formatX: (value: number) => string;
  readonly formatY: (value: number) => string;
}

/** A chart of lines over time. Drawn on canvas; its description says the same in words. */
export function LineChart(props: Props) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const dark = isDark.value;
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    // What light-dark() comes to is known of an element only.
    const colour = (name: string, share = 100) => {
      element.style.color = `color-mix(in srgb, var(${name}) ${share}%, transparent)`;
      const resolved = getComputedStyle(element).color;
      element.style.color = '';
      return resolved;
    };
    const axis = {
      stroke: colour('--text-soft'),
      grid: { stroke: colour('--line'), width: 1 },
      ticks: { show: false },
      font: '11px system-ui, sans-serif',
    };
    const chart = new uPlot(
      {
        width: element.clientWidth || 300,
        height: props.height,
        cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
        legend: { show: true, live: true, markers: { width: 2 } },
        scales: { x: { time: false }, y: { range: (_plot, _min, max) => [0, Math.max(1, (max ?? 1) * 1.1)] } },
        axes: [
          { ...axis, values: (_plot, values) => values.map(props.formatX), size: 24, gap: 4 },
          { ...axis, values: (_plot, values) => values.map(props.formatY), size: 48, gap: 4 },
        ],
        series: [
          { label: 'At', value: (_plot, value) => (value === null ? '' : props.formatX(value)) },
          ...props.lines.map((line) => ({
            label: line.label,
            stroke: colour(line.colour),
            width: 1.6,
            ...(line.dash ? { dash: [...line.dash] } : {}),
            ...(line.fill ? { fill: colour(line.colour, 12) } : {}),
            points: { show: false },
            value: (_plot: uPlot, value: number | null) => (value === null ? '' : props.formatY(value)),
          })),
        ],
      },
      [[...props.x], ...props.series.map((values) => [...values])] as uPlot.AlignedData,
      element,
    );
    plot.current = chart;
    const observer = new ResizeObserver(() => {
      if (element.clientWidth > 0) chart.setSize({ width: element.clientWidth, height: props.height });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      chart.destroy();
      plot.current = null;
    };
  }, [dark, props.height]);
  useEffect(() => {
    plot.current?.setData([[...props.x], ...props.series.map((values) => [...values])] as uPlot.AlignedData);
  }, [props.x, props.series]);
  return <div ref={place} class="line-chart" role="img" aria-label={props.description} />;
}
