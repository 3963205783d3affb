/** The second and third chapters: fans queue and win; one lets an offer lapse, which passes to the next person. */
import { until } from '../../system/waiting.ts';
import type { Fan } from './story-cast.ts';
import type { Stream } from './story-http.ts';
import { CLAIM_WITHIN_S, type Scheduled, STOCK, WAITLIST, WINNERS } from './story-schedule.ts';
import type { Stage } from './story-teller.ts';

/** Something that has not happened by then will not happen. */
const SOON = { everyMs: 50, limitMs: 30_000 };

/** Who has a coupon in the end, with its code. */
export interface Holder {
  readonly fan: Fan;
  readonly code: string;
}

export async function drop(stage: Stage, { coupon, opensAtMs }: Scheduled): Promise<readonly Holder[]> {
  const { teller, fans } = stage;
  teller.chapter('2. The drop');
  const [ada, ben, cleo, , , fay] = fans;
  if (!ada || !ben || !cleo || !fay) throw new Error('there are too few fans');
  teller.refused('entering before the opening', await ada.enter(coupon), 'not-open-yet');
  await untilOpen(ada, coupon, opensAtMs);
  const streams = await enterAll(stage, coupon);
  await outcomeOf(fay, coupon, 'sold_out');
  teller.say('fans', `queue: the first ${STOCK} are offered a coupon, ${WAITLIST} wait behind them`);
  for (const [index, fan] of fans.entries()) {
    const body = await finalEntry(fan, coupon);
    const wanted = index < STOCK ? 'offered' : index < STOCK + WAITLIST ? 'waitlisted' : 'sold_out';
    teller.equal(`the outcome of ${fan.name}`, body.outcome, wanted);
    teller.equal(`the position of ${fan.name}`, body.position, index + 1);
  }
  const first = await eventOf(streams.get(cleo.name), 'waitlisted');
  teller.equal('the first waitlist position shown to cleo', first.waitlist_position, 1);
  const holders = await claimOrLapse(stage, coupon, { claims: ada, lapses: ben, next: cleo }, streams);
  await closeAll(streams);
  for (const [name, stream] of streams) checkFalling(stage, name, stream);
  return holders;
}

/** One fan claims, one lets the offer lapse, and the next in line is offered it; returns who has a coupon then. */
async function claimOrLapse(
  { teller, counts }: Stage,
  coupon: number,
  { claims, lapses, next }: { readonly claims: Fan; readonly lapses: Fan; readonly next: Fan },
  streams: ReadonlyMap<string, Stream>,
): Promise<readonly Holder[]> {
  const claimed = await claims.ask('POST', claimPath(coupon));
  teller.need(`the claim of ${claims.name}`, claimed, 202);
  teller.say(claims.name, `claims: ${claimed.body.code}`);
  const offered = await lapses.entry(coupon);
  teller.say(lapses.name, `looks away; the offer ends in ${offered.body.seconds_left} s`);
  const offer = await eventOf(streams.get(next.name), 'offer');
  const passed = await next.ask('POST', claimPath(coupon));
  teller.need(`the claim of ${next.name}`, passed, 202);
  teller.say(next.name, `is offered what ${lapses.name} has let lapse, and claims: ${passed.body.code}`);
  teller.check('the offer has another code', offer.code !== offered.body.code, offer);
  teller.equal('the serial goes on', offer.serial, offered.body.serial);
  const late = await lapses.ask('POST', claimPath(coupon));
  teller.refused(`the claim of ${lapses.name}, too late,`, late, 'claim-lapsed');
  await outcomeOf(next, coupon, 'granted');
  await outcomeOf(lapses, coupon, 'lapsed');
  counts.set('coupons claimed', 2);
  counts.set('offers that lapsed', 1);
  return [
    { fan: claims, code: String(claimed.body.code) },
    { fan: next, code: String(passed.body.code) },
  ];
}

export async function draw(stage: Stage, { raffle }: Scheduled): Promise<void> {
  const { teller, operator, fans } = stage;
  teller.chapter('3. The raffle');
  const streams = new Map<string, Stream>();
  const stamps = new Map<string, unknown>();
  for (const fan of fans) {
    const entered = teller.need(`${fan.name} in the raffle`, await fan.enter(raffle), 202);
    stamps.set(fan.name, entered.body.stamp);
    streams.set(fan.name, stage.watch(fan, raffle));
  }
  teller.say('fans', 'enter the raffle and watch');
  const closed = await operator.ask('POST', `/v1/campaigns/${raffle}/close`);
  teller.need('closing it ahead of time', closed, 200);
  const winners = await until('the winners', SOON, async () => {
    const offered = fans.filter(({ name }) => streams.get(name)?.events.some(({ type }) => type === 'offer'));
    return offered.length === WINNERS ? offered : undefined;
  });
  const [claims, lapses] = winners;
  if (claims === undefined || lapses === undefined) throw new Error('nobody has won');
  teller.say('engine', `draws ${winners.map(({ name }) => name).join(' and ')}`);
  teller.need('the claim of a winner', await claims.ask('POST', claimPath(raffle)), 202);
  teller.say(lapses.name, `does not answer; ${CLAIM_WITHIN_S} s go by`);
  const alternate = await until('the alternate', SOON, async () =>
    fans.find(
      fan => !winners.includes(fan) && streams.get(fan.name)?.events.some(({ type }) => type === 'offer'),
    ),
  );
  teller.need('the claim of the alternate', await alternate.ask('POST', claimPath(raffle)), 202);
  teller.say(alternate.name, 'is the first alternate, is offered the bicycle, and claims it');
  await outcomeOf(claims, raffle, 'won');
  await outcomeOf(alternate, raffle, 'won');
  await outcomeOf(lapses, raffle, 'lapsed');
  await closeAll(streams);
  const proof = await until('the proof', SOON, async () => {
    const answer = await alternate.ask('GET', `/v1/campaigns/${raffle}/proof`);
    return answer.status === 200 ? answer : undefined;
  });
  const alternates: readonly { stamp: number }[] = Array.isArray(proof.body.alternates)
    ? proof.body.alternates
    : [];
  teller.equal(
    'the first alternate of the proof, by stamp,',
    alternates[0]?.stamp,
    stamps.get(alternate.name),
  );
  stage.counts.set('prizes won', WINNERS);
  stage.counts.set('prizes passed on to an alternate', 1);
}

/** The streams of all fans, who enter one after another, so that their order is known. */
async function enterAll(stage: Stage, campaign: number): Promise<ReadonlyMap<string, Stream>> {
  const streams = new Map<string, Stream>();
  for (const fan of stage.fans) {
    stage.teller.need(`${fan.name} in the queue`, await fan.enter(campaign), 202);
    streams.set(fan.name, stage.watch(fan, campaign));
  }
  return streams;
}

async function untilOpen(fan: Fan, campaign: number, opensAtMs: number): Promise<void> {
  const limitMs = Math.max(0, opensAtMs - Date.now()) + SOON.limitMs;
  await until('the opening', { everyMs: 100, limitMs }, async () => {
    const { body } = await fan.ask('GET', `/v1/campaigns/${campaign}`);
    return body.status === 'open' || undefined;
  });
}

async function outcomeOf(fan: Fan, campaign: number, outcome: string): Promise<void> {
  let last: unknown;
  const ask = async (): Promise<true | undefined> => {
    last = (await fan.entry(campaign)).body.outcome;
    return last === outcome || undefined;
  };
  await until(`${fan.name} is ${outcome}`, SOON, ask).catch((error: Error) => {
    throw new Error(`${error.message}; it is ${String(last)}`, { cause: error });
  });
}

/** The entry from the fan's gateway once its position is final; each gateway learns that at its own time. */
async function finalEntry(fan: Fan, campaign: number): Promise<Readonly<Record<string, unknown>>> {
  return await until(`the final position of ${fan.name}`, SOON, async () => {
    const { body } = await fan.entry(campaign);
    return typeof body.position === 'number' ? body : undefined;
  });
}

async function eventOf(stream: Stream | undefined, type: string): Promise<Readonly<Record<string, unknown>>> {
  return await until(
    `the event ${type}`,
    SOON,
    async () => stream?.events.find(event => event.type === type)?.data,
  );
}

function waitlistPositionsOf(stream: Stream | undefined): readonly number[] {
  const told = stream?.events.filter(({ type }) => type === 'waitlisted') ?? [];
  return told.map(({ data }) => Number(data.waitlist_position));
}

/** Neither `ahead` nor the position on the waitlist ever grew. */
function checkFalling({ teller }: Stage, name: string, stream: Stream): void {
  const ahead = stream.events.filter(({ type }) => type === 'position').map(({ data }) => Number(data.ahead));
  for (const [what, shown] of [
    ['ahead', ahead],
    ['waitlist_position', waitlistPositionsOf(stream)],
  ] as const) {
    const falls = shown.every((value, index) => index === 0 || value <= (shown[index - 1] ?? value));
    teller.check(`${what}, as ${name} was shown it, only falls`, falls, shown);
  }
}

async function closeAll(streams: ReadonlyMap<string, Stream>): Promise<void> {
  await Promise.all([...streams.values()].map(stream => stream.close()));
}

function claimPath(campaign: number): string {
  return `/v1/campaigns/${campaign}/entries/me/claim`;
}
