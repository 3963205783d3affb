/** What the processes report while the demo runs, for display only: the count does not use it. */

export interface Gauges {
  /** Entries answered with 202 so far. */
  readonly accepted: number;
  /** Coupons refused because none is left. */
  readonly soldOut: number;
  readonly watchers: number;
  readonly campaigns: readonly CampaignGauge[];
  /** How far the watermark is behind the clock; undefined when the engine has not reported it. */
  readonly watermarkLagMs: number | undefined;
}

/** A campaign as the public API shows it. */
export interface CampaignGauge {
  readonly kind: string;
  readonly stock: number;
  readonly granted: number;
  readonly settled: number;
}

const TIMEOUT_MS = 2_000;

/** Reads /metrics of all processes, and the campaigns of one; a process that does not answer contributes nothing. */
export async function readGauges(gateways: readonly string[], engine: string): Promise<Gauges> {
  const [campaigns, engineMetrics = '', ...gatewayMetrics] = await Promise.all([
    campaignsOf(gateways[0] ?? ''),
    ...[engine, ...gateways].map(base => textOf(`${base}/metrics`)),
  ]);
  const sum = (name: string, label = ''): number =>
    gatewayMetrics.reduce((total, text) => total + (valueIn(text, name, label) ?? 0), 0);
  const lagSeconds = valueIn(engineMetrics, 'fairline_watermark_lag_seconds');
  return {
    accepted: sum('fairline_entries_accepted_total'),
    soldOut: sum('fairline_refused_total', 'reason="sold_out"'),
    watchers: sum('fairline_watchers'),
    campaigns,
    watermarkLagMs: lagSeconds === undefined ? undefined : lagSeconds * 1e3,
  };
}

async function textOf(url: string): Promise<string> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return await response.text();
  } catch {
    return '';
  }
}

async function campaignsOf(gateway: string): Promise<readonly CampaignGauge[]> {
  const text = await textOf(`${gateway}/v1/campaigns`);
  if (!text.startsWith('{"campaigns"')) return [];
  const {
    campaigns,
  }: { campaigns: (Omit<CampaignGauge, 'stock'> & { stock?: number; winners?: number })[] } =
    JSON.parse(text);
  return campaigns.map(({ kind, stock, winners, granted, settled }) => {
    return { kind, stock: stock ?? winners ?? 0, granted, settled };
  });
}

/** The value of a metric in Prometheus' text format; if `label` is given, from the line that has it among its labels. */
export function valueIn(text: string, name: string, label = ''): number | undefined {
  for (const line of text.split('\n')) {
    if (!line.startsWith(name)) continue;
    const rest = line.slice(name.length);
    const labels = rest.startsWith('{') ? rest.slice(0, rest.indexOf('}') + 1) : '';
    const value = Number(rest.slice(labels.length));
    if (rest.slice(labels.length).startsWith(' ') && labels.includes(label) && !Number.isNaN(value))
      return value;
  }
  return undefined;
}
