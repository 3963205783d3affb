/** The result of the demo: the object that `--json` prints, and the same in plain words. */
import type { WatchResult } from '../watch/run.ts';
import type { BurstResult } from './burst.ts';
import type { CampaignCount } from './checks/check.ts';
import type { Faults } from './checks/faults.ts';
import type { Proofs } from './checks/proofs.ts';
import type { DemoOptions } from './options.ts';

export interface Report extends Proofs {
  readonly accepted: number;
  readonly ranked: number;
  readonly logged: number;
  readonly settled: number;
  readonly granted: number;
  readonly stock: number;
  readonly winners: number;
  readonly lost: number;
  readonly duplicates: number;
  readonly inversions: number;
  readonly positionsBackward: number;
  readonly entriesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly watchers: number;
  readonly log: string;
  readonly gateways: number;
  readonly users: number;
  readonly replacedStamps: number;
  /** Requests that came before the opening, and were told when to retry. */
  readonly tooEarly: number;
  readonly campaigns: readonly CampaignCount[];
  readonly answers: Readonly<Record<string, number>>;
  readonly watching: Omit<WatchResult, 'recordPath'>;
  /** What is wrong, in plain words; empty when nothing is. */
  readonly faults: readonly string[];
}

export interface ReportParts {
  readonly options: DemoOptions;
  readonly log: string;
  readonly campaigns: readonly CampaignCount[];
  readonly faults: Faults;
  readonly burst: BurstResult;
  readonly watching: WatchResult;
  readonly tooEarly: number;
  readonly proofs: Proofs;
}

export function makeReport(parts: ReportParts): Report {
  const { options, log, campaigns, faults, burst, watching, tooEarly, proofs } = parts;
  const sum = (of: (count: CampaignCount) => number, kind?: CampaignCount['kind']): number =>
    campaigns
      .filter(count => kind === undefined || count.kind === kind)
      .reduce((total, one) => total + of(one), 0);
  const { recordPath: _, ...shown } = watching;
  return {
    accepted: sum(count => count.accepted),
    ranked: sum(count => count.ranked),
    logged: sum(count => count.logged),
    settled: sum(count => count.settled),
    granted: sum(count => count.granted, 'coupon'),
    stock: options.stock,
    winners: sum(count => count.granted, 'raffle'),
    lost: faults.count('lost'),
    duplicates: faults.count('duplicates'),
    inversions: faults.count('inversions'),
    positionsBackward: faults.count('positionsBackward'),
    ...speedOf(burst),
    watchers: watching.watchers,
    log,
    gateways: options.gateways,
    users: options.users,
    ...proofs,
    replacedStamps: sum(count => count.replacedStamps),
    tooEarly,
    campaigns,
    answers: burst.result.byStatus,
    watching: shown,
    faults: faults.lines,
  };
}

/**
 * From the burst's own record: accepted entries per second from the first request to the last 202, and percentiles of a
 * 202's time.
 */
function speedOf({ asks }: BurstResult): Pick<Report, 'entriesPerSecond' | 'p50Ms' | 'p99Ms'> {
  const latenciesMs: number[] = [];
  const entries = new Set<string>();
  let first = Number.POSITIVE_INFINITY;
  let last = 0;
  for (const [campaign, own] of asks) {
    for (const { user, status, sentUs, answeredUs, unsure } of own) {
      first = Math.min(first, sentUs);
      if (status !== 202 || answeredUs === undefined) continue;
      last = Math.max(last, answeredUs);
      entries.add(`${campaign}:${user}`);
      if (!unsure) latenciesMs.push((answeredUs - sentUs) / 1e3);
    }
  }
  latenciesMs.sort((a, b) => a - b);
  const percentile = (fraction: number): number => {
    const index = Math.max(0, Math.ceil(latenciesMs.length * fraction) - 1);
    return Math.round((latenciesMs[index] ?? 0) * 100) / 100;
  };
  return {
    entriesPerSecond: last > first ? Math.round((entries.size * 1e6) / (last - first)) : 0,
    p50Ms: percentile(0.5),
    p99Ms: percentile(0.99),
  };
}

const number = new Intl.NumberFormat('en-US');

/** The report for people. */
export function textOf(report: Report): string {
  const row = (name: string, value: string | number): string =>
    `  ${name.padEnd(22)} ${typeof value === 'number' ? number.format(value) : value}`;
  const campaigns = report.campaigns.flatMap(count => [
    row(`${count.kind} (campaign ${count.campaign})`, ''),
    row('  accepted', `${number.format(count.accepted)}, refused ${number.format(count.refused)}`),
    row('  logged', count.logged),
    row('  ranked', count.ranked),
    row('  settled', count.settled),
    row(
      count.kind === 'coupon' ? '  granted' : '  winners',
      `${number.format(count.granted)} of ${number.format(count.stock)}`,
    ),
  ]);
  const { watching } = report;
  const checks = (['lost', 'duplicates', 'inversions', 'positionsBackward'] as const).map(name =>
    row(name, report[name]),
  );
  return [
    '',
    ...campaigns,
    row('entries/s', report.entriesPerSecond),
    row('answered within', `p50 ${report.p50Ms} ms, p99 ${report.p99Ms} ms`),
    row(
      'watchers',
      `${number.format(report.watchers)}, shown ${number.format(watching.positions)} positions in ` +
        `${number.format(watching.streams)} streams, ${number.format(watching.reloads)} reloads`,
    ),
    row('came too early', `${number.format(report.tooEarly)} requests, told when to ask again`),
    ...checks,
    row('proofs verified', report.proofVerified ? 'yes, of both campaigns' : 'NO'),
    row('receipts verified', report.receiptsVerified),
    '',
    report.faults.length === 0
      ? 'Nothing was lost, doubled or overtaken.'
      : `THIS IS OFF:\n${report.faults.map(fault => `  ${fault}`).join('\n')}`,
    '',
  ].join('\n');
}
