/**
 * What accounts cost: entries with a storm of logins beside them, tickets made from sessions, and an operator log verified.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bench } from '../bench.ts';
import { startScript } from '../peers/process.ts';
import { median, ratioOf, type Spread } from '../report/figures.ts';
import type { Goal } from '../report/goals.ts';
import { flag, whole } from '../report/options.ts';
import { number, table } from '../report/table.ts';
import type { Closing } from '../system/closing.ts';
import { type BesideLogins, measureEntries } from './entries.ts';
import type { LogRound } from './log-worker.ts';
import { startAccountsSite } from './site.ts';
import { measureTickets, type TicketRates } from './tickets.ts';

const options = {
  rounds: whole(5, 1, 100, 'rounds; in each one, all take their turn'),
  users: whole(100_000, 1_000, 1_000_000, 'entries of a burst, each of a new user'),
  connections: whole(400, 1, 10_000, 'clients that enter, wait for the answer and enter again'),
  logins: whole(300, 1, 5_000, 'logins a second, whether they are answered or not'),
  fans: whole(3_000, 100, 100_000, 'fans with a password and a session'),
  renewing: whole(64, 1, 1_000, 'pages that ask for tickets at once'),
  seconds: whole(4, 1, 60, 'seconds of tickets a turn'),
  acts: whole(1_000_000, 1_000, 5_000_000, 'rows of the operator log'),
  json: flag('a JSON object as the last line'),
};

export const accounts: Bench<typeof options> = {
  summary:
    'entries beside a storm of logins, tickets of sessions against an echo, an operator log against hashes',
  options,
  kafka: 'no',
  run: async ({ servers, options: chosen, closing, say }) => {
    const site = await closing.own(startAccountsSite(servers, chosen.fans));
    const entries: BesideLogins[] = [];
    const tickets: TicketRates[] = [];
    say('warming');
    await measureEntries(site, { ...chosen, round: 0 });
    await measureTickets(site, { ...chosen, round: 0 });
    for (let round = 1; round <= chosen.rounds; round++) {
      const beside = await measureEntries(site, { ...chosen, round });
      const rates = await measureTickets(site, { ...chosen, round });
      entries.push(beside);
      tickets.push(rates);
      const { alone, stormed, logins } = beside;
      say(
        `round ${round} of ${chosen.rounds}: ${number(alone.perSecond)} entries/s alone, ${number(stormed.perSecond)} ` +
          `beside ${number(logins.answered)} logins/s and ${number(logins.refused)} refused; ` +
          `${number(rates.direct)} tickets/s, ${number(rates.forwarded)} through a gateway, ${number(rates.echo)} of the echo`,
      );
    }
    const log = await verifyLogs(chosen.acts, chosen.rounds, closing, say);
    return resultOf(entries, tickets, log);
  },
};

/** A million rows take a minute to make. */
const LIMIT_MS = 3_600_000;

async function verifyLogs(
  acts: number,
  rounds: number,
  closing: Closing,
  say: (line: string) => void,
): Promise<readonly LogRound[]> {
  say(`an operator log of ${acts} rows is made and verified`);
  const directory = await mkdtemp(join(tmpdir(), 'fairline-bench-'));
  await closing.own(Promise.resolve({ stop: () => rm(directory, { recursive: true, force: true }) }));
  const script = startScript(new URL('./log-worker.ts', import.meta.url), {
    name: 'the verifier',
    args: [join(directory, 'log.ndjson'), String(acts), String(rounds)],
    readyTimeoutMs: LIMIT_MS,
  });
  return (await closing.own(script)).ready.rounds as readonly LogRound[];
}

function resultOf(
  entries: readonly BesideLogins[],
  tickets: readonly TicketRates[],
  log: readonly LogRound[],
) {
  const of = <T>(rounds: readonly T[], value: (round: T) => number): number[] => rounds.map(value);
  const ratios = {
    entries: ratioOf(
      of(entries, ({ stormed }) => stormed.perSecond),
      of(entries, ({ alone }) => alone.perSecond),
    ),
    p99: ratioOf(
      of(entries, ({ stormed }) => stormed.p99Ms),
      of(entries, ({ alone }) => alone.p99Ms),
    ),
    tickets: ratioOf(
      of(tickets, ({ direct }) => direct),
      of(tickets, ({ echo }) => echo),
    ),
    forwarded: ratioOf(
      of(tickets, ({ forwarded }) => forwarded),
      of(tickets, ({ echo }) => echo),
    ),
    log: ratioOf(
      of(log, ({ verifyMs }) => verifyMs),
      of(log, ({ hashesMs }) => hashesMs),
    ),
  };
  const medians = {
    aloneEntriesPerSecond: median(of(entries, ({ alone }) => alone.perSecond)),
    aloneP99Ms: median(of(entries, ({ alone }) => alone.p99Ms)),
    stormedEntriesPerSecond: median(of(entries, ({ stormed }) => stormed.perSecond)),
    stormedP99Ms: median(of(entries, ({ stormed }) => stormed.p99Ms)),
    loginsPerSecond: median(of(entries, ({ logins }) => logins.answered)),
    refusedPerSecond: median(of(entries, ({ logins }) => logins.refused)),
    ticketsPerSecond: median(of(tickets, ({ direct }) => direct)),
    forwardedPerSecond: median(of(tickets, ({ forwarded }) => forwarded)),
    echoPerSecond: median(of(tickets, ({ echo }) => echo)),
  };
  const goal = (
    what: string,
    { median: value }: Spread,
    must: number,
    aim: number,
    better: 'more' | 'less',
  ) => ({
    ...{ what, value, unit: '', must, aim, better },
  });
  const goals: readonly Goal[] = [
    goal('entries/s beside logins ÷ alone', ratios.entries, 0.9, 0.97, 'more'),
    goal('their p99 ÷ alone', ratios.p99, 1.3, 1.1, 'less'),
    goal('tickets of sessions/s ÷ echo', ratios.tickets, 0.2, 0.4, 'more'),
    goal('operator log verified ÷ one hash a row', ratios.log, 3, 1.5, 'less'),
  ];
  const entriesTable = table(
    ['entries', 'a second', 'p99 ms', 'logins/s', 'refused/s'],
    [
      ['alone', medians.aloneEntriesPerSecond, medians.aloneP99Ms, undefined, undefined],
      [
        'beside logins',
        ...[medians.stormedEntriesPerSecond, medians.stormedP99Ms],
        ...[medians.loginsPerSecond, medians.refusedPerSecond],
      ],
    ],
  );
  const ticketsTable = table(
    ['tickets of sessions', 'a second', '÷ echo'],
    [
      ['echo', medians.echoPerSecond, 1],
      ['of the process of accounts', medians.ticketsPerSecond, ratios.tickets.median],
      ['through a gateway', medians.forwardedPerSecond, ratios.forwarded.median],
    ],
  );
  return { text: `${entriesTable}\n\n${ticketsTable}`, goals, json: { ratios, ...medians } };
}
