/** Samples of a server's /metrics, by name and labels as they are there: `up`, `seconds_bucket{le="0.01"}`. */
export type Metrics = ReadonlyMap<string, number>;

const TIMEOUT_MS = 30_000;

export async function readMetrics(base: string): Promise<Metrics> {
  const response = await fetch(`${base}/metrics`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!response.ok) throw new Error(`${base}/metrics was answered with ${response.status}`);
  return parseMetrics(await response.text());
}

/** Reads Prometheus' text format; lines with a timestamp do not occur here. */
export function parseMetrics(text: string): Metrics {
  const samples = new Map<string, number>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const space = line.lastIndexOf(' ');
    samples.set(line.slice(0, space), Number(line.slice(space + 1)));
  }
  return samples;
}

/** The sum of the named samples. Throws when one is missing, because a renamed metric would count as zero. */
export function sumOf(metrics: Metrics, ...names: readonly string[]): number {
  return names.reduce((sum, name) => {
    const value = metrics.get(name);
    if (value === undefined) throw new Error(`there is no metric ${name}`);
    return sum + value;
  }, 0);
}
