import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LogKind } from '../../engine/contract/log/log.ts';
import { median, ratioOf, type Spread } from '../report/figures.ts';
import type { Goal } from '../report/goals.ts';
import { number, table } from '../report/table.ts';
import type { Closing } from '../system/closing.ts';
import type { Servers } from '../system/servers.ts';
import {
  type BurstFigures,
  type BurstTerms,
  type Contestant,
  type ContestantName,
  startEcho,
  startFairlineContestant,
  startIdiomatic,
} from './contestants.ts';

export interface BurstOptions {
  readonly rounds: number;
  /** New users in one burst, each with one request. */
  readonly users: number;
  /** Connections of a drop's crowd; rates are measured with them. */
  readonly connections: number;
  /** Connections of a smaller crowd; the limit on p99 applies to them. */
  readonly fewConnections: number;
  /** Users of each of the two discarded bursts (one per crowd) that warm each contestant; 0 for none. */
  readonly warmup: number;
  /** Measures each fairline with RECEIPTS=off as well. */
  readonly receipts: boolean;
}

/** The idiomatic way gets this fraction of the users (1/5): it needs ten times as long for each. */
const IDIOMATIC_SHARE = 5;
/** A rate over fewer users says little. */
const IDIOMATIC_LEAST = 5_000;

type Figures = Readonly<Partial<Record<ContestantName, readonly BurstFigures[]>>>;

/** What each round has measured, by the size of the crowd. */
export interface Crowds {
  readonly many: Figures;
  readonly few: Figures;
}

/** Runs the rounds, both crowds in each. Rejects with LostRun when a run has lost something. */
export async function measureBurst(
  servers: Servers,
  options: BurstOptions,
  closing: Closing,
  say: (line: string) => void,
): Promise<Crowds> {
  const directory = await mkdtemp(join(tmpdir(), 'fairline-burst-'));
  await closing.own(Promise.resolve({ stop: () => rm(directory, { recursive: true, force: true }) }));
  const contestants = await startContestants(servers, { directory }, options.receipts, closing, say);
  const { connections, fewConnections, warmup } = options;
  const crowds = { many: connections, few: fewConnections };
  const figures: Record<keyof Crowds, Partial<Record<ContestantName, BurstFigures[]>>> = {
    many: {},
    few: {},
  };
  // The idiomatic way goes first: its one record per request warms Kafka's JVM, which takes some 30,000 records.
  for (const { name, run } of warmup === 0 ? [] : [...contestants].reverse()) {
    const users = usersOf(name, warmup);
    say(
      `warming ${name}: ${users} entries, discarded, from ${fewConnections} and from ${connections} connections`,
    );
    // V8 optimises code that runs once a slice after some thousand slices; few connections make many slices.
    await run({ users, connections: fewConnections, prefix: 'warm-few-' });
    await run({ users, connections, prefix: 'warm-many-' });
  }
  for (let round = 1; round <= options.rounds; round++) {
    const turns = round % 2 === 1 ? contestants : [...contestants].reverse();
    for (const crowd of ['many', 'few'] as const) {
      for (const { name, run } of turns) {
        const terms = { connections: crowds[crowd], prefix: `r${round}-${crowd}-` };
        const one = await run({ users: usersOf(name, options.users), ...terms });
        figures[crowd][name] = [...(figures[crowd][name] ?? []), one];
        say(`round ${round} of ${options.rounds}, ${terms.connections} connections  ${name}  ${shown(one)}`);
      }
    }
  }
  return figures;
}

async function startContestants(
  servers: Servers,
  terms: BurstTerms,
  receipts: boolean,
  closing: Closing,
  say: (line: string) => void,
): Promise<readonly Contestant[]> {
  const hasKafka = servers.env.KAFKA_BROKERS !== undefined;
  if (!hasKafka) say('there is no Kafka: its log and the idiomatic way, which needs it, are left out');
  const fairline = async (log: LogKind): Promise<readonly Contestant[]> => [
    await closing.own(startFairlineContestant(servers, log, terms)),
    ...(receipts ? [await closing.own(startFairlineContestant(servers, log, terms, 'off'))] : []),
  ];
  return [
    await closing.own(startEcho(terms)),
    ...(await fairline('redis')),
    ...(hasKafka ? [...(await fairline('kafka')), await closing.own(startIdiomatic(servers, terms))] : []),
  ];
}

function usersOf(name: ContestantName, users: number): number {
  return name === 'idiomatic' ? Math.min(users, Math.max(users / IDIOMATIC_SHARE, IDIOMATIC_LEAST)) : users;
}

function shown({ entriesPerSecond, p50Ms, p99Ms, settledSeconds }: BurstFigures): string {
  const settled = settledSeconds === undefined ? '' : `  in the ledger after ${number(settledSeconds)} s`;
  return `${number(entriesPerSecond)} entries/s  p50 ${number(p50Ms)} ms  p99 ${number(p99Ms)} ms${settled}`;
}

type PerName<T> = Readonly<Partial<Record<ContestantName, T>>>;

/** The medians of one crowd's rounds; ratios are taken within each round. */
export interface CrowdReport {
  readonly connections: number;
  readonly ratios: {
    readonly redisLog: number;
    readonly kafkaLog?: number;
    /** fairline with Kafka as its log, divided by the idiomatic way. */
    readonly idiomatic?: number;
    /** With receipts, divided by without. */
    readonly redisLogReceipts?: number;
    readonly kafkaLogReceipts?: number;
  };
  /** p99 divided by the echo's p99. */
  readonly p99Ratios: { readonly redisLog: number; readonly kafkaLog?: number };
  readonly spreads: Readonly<Record<string, Spread>>;
  readonly entriesPerSecond: PerName<number>;
  readonly p50Ms: PerName<number>;
  readonly p99Ms: PerName<number>;
  readonly cpuUsPerEntry: PerName<Readonly<Record<string, number>>>;
  readonly settledSeconds: PerName<number>;
  readonly entriesPerSlice: PerName<number>;
  /** Rates divided by the echo's rate. */
  readonly toEcho: PerName<number>;
}

/** Figures of a drop's crowd, and in `few` those of the smaller crowd. */
export interface BurstReport extends CrowdReport {
  readonly few: CrowdReport;
}

export function reportOf(
  { many, few }: Crowds,
  { connections, fewConnections }: Pick<BurstOptions, 'connections' | 'fewConnections'>,
): BurstReport {
  return { ...crowdReportOf(connections, many), few: crowdReportOf(fewConnections, few) };
}

function crowdReportOf(connections: number, figures: Figures): CrowdReport {
  const columns = (key: 'entriesPerSecond' | 'p50Ms' | 'p99Ms', name: ContestantName): number[] =>
    (figures[name] ?? []).map(one => one[key]);
  const ratio = (key: 'entriesPerSecond' | 'p99Ms', over: ContestantName, under: ContestantName) =>
    figures[over] === undefined || figures[under] === undefined
      ? undefined
      : ratioOf(columns(key, over), columns(key, under));
  const spreads = defined({
    redisLog: ratio('entriesPerSecond', 'redisLog', 'echo'),
    kafkaLog: ratio('entriesPerSecond', 'kafkaLog', 'echo'),
    idiomatic: ratio('entriesPerSecond', 'kafkaLog', 'idiomatic'),
    redisLogReceipts: ratio('entriesPerSecond', 'redisLog', 'redisLogNoReceipts'),
    kafkaLogReceipts: ratio('entriesPerSecond', 'kafkaLog', 'kafkaLogNoReceipts'),
    redisLogP99: ratio('p99Ms', 'redisLog', 'echo'),
    kafkaLogP99: ratio('p99Ms', 'kafkaLog', 'echo'),
  });
  const each = <T>(of: (runs: readonly BurstFigures[], name: ContestantName) => T | undefined): PerName<T> =>
    defined(
      Object.fromEntries(
        Object.entries(figures).map(([name, runs]) => [name, of(runs, name as ContestantName)]),
      ),
    ) as PerName<T>;
  const { redisLog, kafkaLog, idiomatic, redisLogP99, kafkaLogP99 } = spreads;
  const { redisLogReceipts, kafkaLogReceipts } = spreads;
  return {
    connections,
    ratios: {
      redisLog: redisLog?.median ?? Number.NaN,
      ...defined({
        kafkaLog: kafkaLog?.median,
        idiomatic: idiomatic?.median,
        redisLogReceipts: redisLogReceipts?.median,
        kafkaLogReceipts: kafkaLogReceipts?.median,
      }),
    },
    p99Ratios: {
      redisLog: redisLogP99?.median ?? Number.NaN,
      ...defined({ kafkaLog: kafkaLogP99?.median }),
    },
    spreads,
    entriesPerSecond: each(runs => median(runs.map(run => run.entriesPerSecond))),
    p50Ms: each(runs => median(runs.map(run => run.p50Ms))),
    p99Ms: each(runs => median(runs.map(run => run.p99Ms))),
    cpuUsPerEntry: each(mediansByProcess),
    settledSeconds: each(runs => medianOrNone(runs.map(run => run.settledSeconds))),
    entriesPerSlice: each(runs => medianOrNone(runs.map(run => run.entriesPerSlice))),
    toEcho: each((_, name) => ratio('entriesPerSecond', name, 'echo')?.median),
  };
}

function medianOrNone(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter(value => value !== undefined);
  return known.length === 0 ? undefined : median(known);
}

function mediansByProcess(runs: readonly BurstFigures[]): Readonly<Record<string, number>> {
  const names = Object.keys(runs[0]?.cpuUs ?? {});
  return Object.fromEntries(names.map(name => [name, median(runs.map(run => run.cpuUs[name] ?? 0))]));
}

/** Drops the members that are undefined. */
function defined<T>(record: Readonly<Record<string, T | undefined>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as Record<
    string,
    T
  >;
}

const TITLES: Readonly<Record<ContestantName, string>> = {
  echo: 'echo (uWebSockets.js)',
  redisLog: 'fairline, Redis Streams',
  redisLogNoReceipts: 'the same without receipts',
  kafkaLog: 'fairline, Kafka',
  kafkaLogNoReceipts: 'the same without receipts',
  idiomatic: 'the idiomatic way, Kafka',
};
const CPU_COLUMNS = ['gateway', 'server', 'engine', 'redis', 'kafka', 'postgres', 'generator'] as const;

/** The report as tables for a person. */
export function tablesOf(report: BurstReport): string {
  return `${crowdTables(report)}\n\n${crowdTables(report.few)}`;
}

/** The goals of both crowds. */
export function goalsOf(report: BurstReport): readonly Goal[] {
  const { few } = report;
  const share = { unit: '', better: 'more' } as const;
  const rateGoals = ({ connections, ratios }: CrowdReport): Goal[] => [
    {
      what: `Redis Streams log ÷ echo, ${connections} connections`,
      value: ratios.redisLog,
      must: 0.5,
      aim: 0.7,
      ...share,
    },
    { what: `Kafka log ÷ echo, ${connections}`, value: ratios.kafkaLog, must: 0.5, aim: 0.75, ...share },
    {
      what: `Kafka log ÷ the idiomatic way, ${connections}`,
      value: ratios.idiomatic,
      must: 10,
      aim: 18,
      ...share,
    },
  ];
  const p99 = { unit: '', must: 2.5, aim: 1.5, better: 'less' } as const;
  return [
    ...rateGoals(report),
    ...rateGoals(few),
    ...receiptGoals(report.ratios),
    { what: `p99 ÷ echo's, Redis Streams, ${few.connections}`, value: few.p99Ratios.redisLog, ...p99 },
    { what: `p99 ÷ echo's, Kafka, ${few.connections}`, value: few.p99Ratios.kafkaLog, ...p99 },
  ];
}

function crowdTables(report: CrowdReport): string {
  const names = Object.keys(report.entriesPerSecond) as ContestantName[];
  const speed = table(
    [
      `${report.connections} connections`,
      'entries/s',
      '÷ echo',
      'p50 ms',
      'p99 ms',
      'in the ledger, s',
      'entries a slice',
    ],
    names.map(name => [
      TITLES[name],
      report.entriesPerSecond[name],
      report.toEcho[name],
      report.p50Ms[name],
      report.p99Ms[name],
      report.settledSeconds[name],
      report.entriesPerSlice[name],
    ]),
  );
  const cpu = table(
    ['CPU us an entry', ...CPU_COLUMNS, 'all'],
    names.map(name => {
      const used = report.cpuUsPerEntry[name] ?? {};
      const all = Object.values(used).reduce((sum, us) => sum + us, 0);
      return [TITLES[name], ...CPU_COLUMNS.map(column => used[column]), all];
    }),
  );
  return `${speed}\n\n${cpu}`;
}

/** The goals for the cost of receipts, if it was measured. */
function receiptGoals({ redisLogReceipts, kafkaLogReceipts }: CrowdReport['ratios']): readonly Goal[] {
  const goal = { unit: '', must: 0.9, aim: 0.95, better: 'more' } as const;
  if (redisLogReceipts === undefined) return [];
  return [
    { what: 'with receipts ÷ without, Redis Streams', value: redisLogReceipts, ...goal },
    { what: 'with receipts ÷ without, Kafka', value: kafkaLogReceipts, ...goal },
  ];
}
