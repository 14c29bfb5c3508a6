import type { OpenTracer } from './tracer.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The tracer that the standard variables of OpenTelemetry ask for, null when they ask for none: nothing of it is
 * loaded then. The SDK reads the rest of its variables from `process.env` itself. `warn` hears of values that mean
 * nothing here, and of the first batch that could not be sent.
 */
export async function openTracer(env: Environment, warn: (message: string) => void): Promise<OpenTracer | null> {
  if (!asksForTraces(env, warn)) return null;
  const { openOtlpTracer } = await import('./otlp.ts');
  return openOtlpTracer(warn);
}

function asksForTraces(env: Environment, warn: (message: string) => void): boolean {
  const word = (name: string) => env[name]?.trim().toLowerCase() ?? '';
  if (word('OTEL_SDK_DISABLED') === 'true') return false;
  const exporter = word('OTEL_TRACES_EXPORTER');
  if (exporter === 'none') return false;
  if (exporter !== '' && exporter !== 'otlp') {
    warn(`OTEL_TRACES_EXPORTER: ${exporter} is not known here, so nothing is traced: use otlp or none`);
    return false;
  }
  const endpoint = word('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') || word('OTEL_EXPORTER_OTLP_ENDPOINT');
  if (exporter === '' && endpoint === '') return false;
  const protocol = word('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') || word('OTEL_EXPORTER_OTLP_PROTOCOL');
  if (protocol !== '' && protocol !== 'http/json') {
    warn(`OTEL_EXPORTER_OTLP_PROTOCOL: traces are sent as http/json, whatever ${protocol} says`);
  }
  return true;
}
