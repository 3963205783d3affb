/**
 * A room as its people see it: whether any second lets in more than the rate, with three gateways and two engines, and how
 * far the wait that people were shown was from their actual wait.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { signTicket } from '../../engine/contract/keys/ticket.ts';
import { runFleet } from '../load/fleet.ts';
import { userId } from '../load/tickets.ts';
import { LostRun, openAccount, openBooks, requireAllAccepted } from '../system/books.ts';
import type { Closing } from '../system/closing.ts';
import { type Fairline, makeSite, startEngine, startFairline, untilKnown } from '../system/fairline.ts';
import { inMs } from '../system/operator.ts';
import type { Servers } from '../system/servers.ts';
import { EtaWatcher, errorsOf } from './eta-watcher.ts';

export interface AdmissionFigures {
  readonly admitted: number;
  readonly perSecond: number;
  /** Over the whole run, without its first and last second. */
  readonly measuredPerSecond: number;
  readonly mostInASecond: number;
  /** Summed over all seconds that end with an admission. */
  readonly beyondBudget: number;
  /** Error of the wait shown as p50, as a share of the actual wait: the median and the 90th percentile of it. */
  readonly etaErrorP50: number;
  readonly etaErrorP90: number;
  /** Share of the people shown a p90 who waited no longer than that. */
  readonly withinP90: number;
  readonly etasShown: number;
}

const GATEWAYS = 3;
const USERS = { prefix: 'm', digits: 7 } as const;
const CONNECTIONS = 100;
/** At even distances in the line, and watching. */
const SAMPLED = 40;
const NOBODY_IS_SKIPPED_SECONDS = 86_400;
const OPEN_MS = 3_600_000;
const SETTLE_MS = 2_000;

export async function measureAdmissions(
  servers: Servers,
  { perSecond, seconds }: { readonly perSecond: number; readonly seconds: number },
  closing: Closing,
  say: (line: string) => void,
): Promise<AdmissionFigures> {
  const site = await closing.own(makeSite(servers, 'redis'));
  const books = await closing.own(openBooks(site));
  const fairline = await closing.own(startFairline(site, { gateways: GATEWAYS }));
  await closing.own(startEngine(site));
  const { id: campaign } = await fairline.operator.create({
    kind: 'room',
    title: 'Admitted',
    per_second: perSecond,
    grace_seconds: NOBODY_IS_SKIPPED_SECONDS,
    closes_at: inMs(OPEN_MS),
  });
  await fairline.operator.setRoom(campaign, { per_second: perSecond, paused: true });
  await untilKnown(fairline, campaign);
  const people = perSecond * seconds;
  await enter(fairline, campaign, people);
  const watchers = await watch(fairline, campaign, people);
  await sleep(SETTLE_MS);
  say(`${people} wait, and are let in at ${perSecond} a second`);
  await fairline.operator.setRoom(campaign, { per_second: perSecond });
  await Promise.all(watchers.map(watcher => watcher.ended));
  const { rows } = await books.pool.query<Admissions>(
    `with counted as (
       select admitted_us,
              count(*) over (order by admitted_us range between 999999 preceding and current row) as n
         from room_people where campaign_id = $1 and serial is not null),
     instants as (select admitted_us, max(n) as n from counted group by admitted_us)
     select (select count(*) from counted) as admitted, max(n) as most,
            sum(greatest(0, n - $2::bigint))::bigint as beyond,
            max(admitted_us) - min(admitted_us) as "spanUs"
       from instants`,
    [campaign, perSecond],
  );
  const [counted] = rows;
  if (counted === undefined || counted.admitted < people - perSecond) {
    throw new LostRun(`${people} waited, and the ledger has ${JSON.stringify(counted)}`);
  }
  return {
    admitted: counted.admitted,
    perSecond,
    measuredPerSecond: counted.admitted / (counted.spanUs / 1e6),
    mostInASecond: counted.most,
    beyondBudget: counted.beyond,
    ...errorsOf(watchers),
  };
}

interface Admissions {
  readonly admitted: number;
  readonly most: number;
  readonly beyond: number;
  readonly spanUs: number;
}

async function enter(fairline: Fairline, campaign: number, people: number): Promise<void> {
  const account = await openAccount(fairline);
  const result = await runFleet({
    bases: fairline.gateways.map(({ base }) => base),
    path: `/v1/campaigns/${campaign}/entries`,
    ticket: fairline.site.ticket,
    expect: { campaign, stamp: true, position: true },
    connections: CONNECTIONS,
    users: { ...USERS, from: 0, to: people },
  });
  await account.untilTakenIn(fairline, requireAllAccepted(result));
}

async function watch(fairline: Fairline, campaign: number, people: number): Promise<EtaWatcher[]> {
  const watchers: EtaWatcher[] = [];
  for (let number = 1; number <= SAMPLED; number++) {
    const user = userId(USERS, Math.floor((people * number) / SAMPLED) - 1);
    const ticket = await signTicket(user, { ...fairline.site.ticket, lifetimeSeconds: 3_600 });
    const base = fairline.gateways[number % GATEWAYS]?.base;
    watchers.push(await EtaWatcher.open(`${base}/v1/campaigns/${campaign}/queue`, ticket));
  }
  return watchers;
}
