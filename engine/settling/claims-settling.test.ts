import { deepEqual, equal, notEqual, ok, rejects } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import type { Campaign } from '../../sql/statements/campaigns/campaigns.ts';
import { extendDeadlines, insertClaimants } from '../../sql/statements/claims/claims.ts';
import { readTotals } from '../../sql/statements/entries/outcomes.ts';
import { TestLedger, WINDOW_US } from '../test/settling.ts';

let ledger: TestLedger;
before(async () => {
  ledger = await TestLedger.make();
});
after(() => ledger.close());

/** The time to claim an offer, microseconds. */
const WITHIN_US = 5_000_000;
const claims = (waitlist: number) => ({ withinS: WITHIN_US / 1_000_000, waitlist });

async function codeOf(campaign: Campaign, serial: number): Promise<string> {
  const { rows } = await ledger.pool.query<{ code: string }>(
    'select code from grants where campaign_id = $1 and serial = $2',
    [campaign.campaignId, serial],
  );
  return rows[0]?.code ?? '';
}

test('offers coupons to the first, waitlists the next, and rejects the rest', async () => {
  const campaign = await ledger.claimed(2, claims(2));
  await ledger.enter(campaign, 10, 20, 30, 40, 50);
  await ledger.settle(campaign, 60);
  deepEqual(await ledger.shown(campaign), {
    10: 'offered 1',
    20: 'offered 2',
    30: 'waitlisted',
    40: 'waitlisted',
    50: 'sold_out',
  });
  equal(await ledger.findsWork(campaign, 60), false);
  equal(await ledger.findsWork(campaign, 60 + WITHIN_US), true);
});

test('accepts a claim at the deadline, not after it, and passes a lapsed offer on', async () => {
  const campaign = await ledger.claimed(3, claims(2));
  await ledger.enter(campaign, 10, 20, 30, 40, 50);
  await ledger.settle(campaign, 100);
  const old = await codeOf(campaign, 2);
  const deadline = 100 + WITHIN_US;
  await ledger.claim(campaign, [10, deadline], [20, deadline + 1]);
  await ledger.settle(campaign, deadline + 50);
  deepEqual(await ledger.shown(campaign), {
    10: 'granted 1',
    20: 'lapsed',
    30: 'lapsed',
    40: 'offered 2',
    50: 'offered 3',
  });
  notEqual(await codeOf(campaign, 2), old);
  const { grantedCount, redrawnCount, moveCount } = await ledger.read(campaign);
  deepEqual([grantedCount, redrawnCount, moveCount], [3, 2, 5]);
});

test('lapses nothing before the watermark has passed the deadline', async () => {
  const campaign = await ledger.claimed(1, claims(1));
  await ledger.enter(campaign, 10, 20);
  await ledger.settle(campaign, 100);
  await ledger.settle(campaign, 100 + WITHIN_US - 1);
  await ledger.claim(campaign, [10, 100 + WITHIN_US]);
  await ledger.settle(campaign, 100 + WITHIN_US);
  deepEqual(await ledger.shown(campaign), { 10: 'granted 1', 20: 'waitlisted' });
});

test('defers a claim after its deadline until an extension is ruled out', async () => {
  const campaign = await ledger.claimed(2, claims(2));
  await ledger.enter(campaign, 10, 20, 30, 40);
  await ledger.settle(campaign, 100);
  const deadline = 100 + WITHIN_US;
  await ledger.claim(campaign, [10, deadline + 1_000], [20, deadline + 9_000]);
  ledger.availableBehindUs = 20_000;
  await ledger.settle(campaign, deadline + 10_000);
  deepEqual(await ledger.shown(campaign), {
    10: 'offered 1',
    20: 'offered 2',
    30: 'waitlisted',
    40: 'waitlisted',
  });
  ledger.availableBehindUs = 0;
  await ledger.outage(5_000);
  await ledger.settle(campaign, deadline + 15_000);
  deepEqual(await ledger.shown(campaign), {
    10: 'granted 1',
    20: 'lapsed',
    30: 'offered 2',
    40: 'waitlisted',
  });
});

test('decides no claim or decline before the watermark', async () => {
  const campaign = await ledger.claimed(2, claims(0));
  await ledger.enter(campaign, 10, 20);
  await ledger.settle(campaign, 100);
  await ledger.claim(campaign, [10, 200]);
  await ledger.leave(campaign, [20, 200]);
  await ledger.settle(campaign, 199);
  deepEqual(await ledger.shown(campaign), { 10: 'offered 1', 20: 'offered 2' });
  await ledger.settle(campaign, 200);
  deepEqual(await ledger.shown(campaign), { 10: 'granted 1', 20: 'declined' });
});

test('of a claim and a decline, the earlier counts', async () => {
  const campaign = await ledger.claimed(2, claims(0));
  await ledger.enter(campaign, 10, 20);
  await ledger.settle(campaign, 100);
  await ledger.claim(campaign, [10, 200], [20, 301]);
  await ledger.leave(campaign, [10, 201], [20, 300]);
  await ledger.settle(campaign, 400);
  deepEqual(await ledger.shown(campaign), { 10: 'granted 1', 20: 'declined' });
});

test('a decline passes the offer on at once; a waiting user who leaves is skipped', async () => {
  const campaign = await ledger.claimed(1, claims(3));
  await ledger.enter(campaign, 10, 20, 30, 40);
  await ledger.settle(campaign, 100);
  await ledger.leave(campaign, [20, 150]);
  await ledger.settle(campaign, 150);
  await ledger.leave(campaign, [10, 160]);
  await ledger.settle(campaign, 170);
  deepEqual(await ledger.shown(campaign), {
    10: 'declined',
    20: 'withdrawn',
    30: 'offered 1',
    40: 'waitlisted',
  });
  const totals = await readTotals(ledger.pool, campaign.campaignId);
  deepEqual(
    [totals?.granted, totals?.offered, totals?.declined, totals?.withdrawn, totals?.waitlisted, totals?.lost],
    [0, 1, 1, 1, 1, 0],
  );
});

test('offers a free coupon to the next entry while the waitlist has capacity', async () => {
  const campaign = await ledger.claimed(1, claims(1));
  await ledger.enter(campaign, 10);
  await ledger.settle(campaign, 100);
  await ledger.leave(campaign, [10, 150]);
  await ledger.settle(campaign, 150);
  const dead = await codeOf(campaign, 1);
  await ledger.enter(campaign, 200, 210);
  await ledger.settle(campaign, 220);
  deepEqual(await ledger.shown(campaign), { 10: 'declined', 200: 'offered 1', 210: 'sold_out' });
  notEqual(await codeOf(campaign, 1), dead);
});

test('an unclaimed code is replaced before the coupon passes on', async () => {
  const campaign = await ledger.claimed(1, claims(0));
  await ledger.enter(campaign, 10);
  await ledger.settle(campaign, 100);
  const shown = await codeOf(campaign, 1);
  await ledger.settle(campaign, 100 + WITHIN_US);
  deepEqual(await ledger.shown(campaign), { 10: 'lapsed' });
  notEqual(await codeOf(campaign, 1), shown);
});

test('a code is redeemable by its holder once claimed, and by nobody before', async () => {
  const campaign = await ledger.claimed(1, claims(1));
  await ledger.pool.query(
    `insert into coupons (campaign_id, discount, basis_points) values ($1, 'percentage', 1000)`,
    [campaign.campaignId],
  );
  const holders = async (): Promise<string[]> => {
    const { rows } = await ledger.pool.query<{ holder: string }>(
      'select holder from coupon_codes join coupons using (coupon_id) where campaign_id = $1',
      [campaign.campaignId],
    );
    return rows.map(({ holder }) => holder);
  };
  await ledger.enter(campaign, 10, 20);
  await ledger.settle(campaign, 100);
  deepEqual([await ledger.shown(campaign), await holders()], [{ 10: 'offered 1', 20: 'waitlisted' }, []]);
  const lapsed = 100 + WITHIN_US;
  await ledger.settle(campaign, lapsed);
  deepEqual([await ledger.shown(campaign), await holders()], [{ 10: 'lapsed', 20: 'offered 1' }, []]);
  await ledger.claim(campaign, [20, lapsed + 10]);
  await ledger.settle(campaign, lapsed + 20);
  deepEqual(
    [await ledger.shown(campaign), await holders()],
    [{ 10: 'lapsed', 20: 'granted 1' }, ['user-20']],
  );
});

test('finishes when the last offer has ended, and waiting users have lost', async () => {
  const campaign = await ledger.claimed(1, claims(1));
  await ledger.enter(campaign, 10, WINDOW_US - 10);
  await ledger.settle(campaign, WINDOW_US - 2);
  await ledger.settle(campaign, WINDOW_US);
  const decided = await ledger.read(campaign);
  ok(decided.decidedAt !== null && decided.frozenAt !== null && decided.finishedAt === null);
  equal(await ledger.findsWork(campaign, WINDOW_US), false);
  await ledger.claim(campaign, [10, WINDOW_US + 100]);
  await ledger.leave(campaign, [WINDOW_US - 10, WINDOW_US + 300]);
  await ledger.settle(campaign, WINDOW_US + 200);
  const finished = await ledger.read(campaign);
  notEqual(finished.finishedAt, null);
  deepEqual(await ledger.shown(campaign), { 10: 'granted 1', [WINDOW_US - 10]: 'sold_out' });
  await ledger.settle(campaign, WINDOW_US + 400);
  equal(await ledger.findsWork(campaign, WINDOW_US + 400), false);
});

test('an outage extends every open deadline, and no past one', async () => {
  const campaign = await ledger.claimed(2, claims(1));
  ledger.outageUs = 1_000_000_000;
  await ledger.enter(campaign, 10, 20, 30);
  await ledger.settle(campaign, 100);
  await ledger.leave(campaign, [10, 150]);
  await ledger.settle(campaign, 150);
  await ledger.outage(WINDOW_US);
  await ledger.settle(campaign, WINDOW_US + 50 + WITHIN_US);
  deepEqual(await ledger.shown(campaign), { 10: 'declined', 20: 'offered 2', 30: 'offered 1' });
  await ledger.settle(campaign, WINDOW_US + 120 + WITHIN_US);
  deepEqual(await ledger.shown(campaign), { 10: 'declined', 20: 'lapsed', 30: 'offered 1' });
  await ledger.settle(campaign, WINDOW_US + 150 + WITHIN_US);
  deepEqual(await ledger.shown(campaign), { 10: 'declined', 20: 'lapsed', 30: 'lapsed' });
});

test('offers nothing while availability is unknown', async () => {
  const campaign = await ledger.claimed(1, claims(0));
  await ledger.enter(campaign, 10);
  ledger.availableBehindUs = 3_000_001;
  await ledger.settle(campaign, 100);
  deepEqual(await ledger.shown(campaign), { 10: 'waiting' });
  ledger.availableBehindUs = 0;
  await ledger.settle(campaign, 100);
  deepEqual(await ledger.shown(campaign), { 10: 'offered 1' });
});

test('offers nothing as of an instant before an outage that the campaign has counted', async () => {
  const campaign = await ledger.claimed(1, claims(0));
  await ledger.enter(campaign, 10);
  const beforeUs = ledger.outageUs;
  await ledger.outage(5_000);
  await extendDeadlines(ledger.pool, ledger.outageUs, campaign.campaignId);
  const seenUs = ledger.outageUs;
  ledger.outageUs = beforeUs;
  await ledger.settle(campaign, 100);
  deepEqual(await ledger.shown(campaign), { 10: 'waiting' });
  ledger.outageUs = seenUs;
  await ledger.settle(campaign, 100);
  deepEqual(await ledger.shown(campaign), { 10: 'offered 1' });
});

test('the ledger rejects a deadline beyond the rules plus measured outages', async () => {
  const campaign = await ledger.claimed(2, claims(0));
  await ledger.enter(campaign, 10, 20);
  await ledger.settle(campaign, 100);
  const { campaignId } = campaign;
  const refuses = (constraint: string, sql: string): Promise<void> =>
    rejects(ledger.pool.query(sql, [campaignId]), { code: '23514', constraint });
  await ledger.outage(5_000);
  const seenUs = ledger.outageUs;
  await refuses('campaigns_outage', 'update campaigns set outage_us = 1 where campaign_id = $1');
  // The time since the epoch: an engine that counted from the initial 0 of its row would write this.
  await rejects(extendDeadlines(ledger.pool, 1_900_000_000_000_000, campaignId), {
    constraint: 'campaigns_outage',
  });
  equal(await extendDeadlines(ledger.pool, seenUs, campaignId), 5_000);
  await refuses(
    'claimants_extended',
    'update claimants set claim_by_us = claim_by_us + 1 where campaign_id = $1',
  );
  await ledger.pool.query(
    'update claimants set claim_by_us = claim_by_us + 1, deadline_moved = true where campaign_id = $1',
    [campaignId],
  );
  const other = await ledger.claimed(1, claims(0));
  await ledger.enter(other, 10);
  await ledger.settle(other, 5);
  const offer = { offeredUs: 1_000_000, claimByUs: 1_000_001 + WITHIN_US };
  const claimants = [{ number: 1, userId: 'user-10', waitlistPosition: 1 }];
  await insertClaimants(ledger.pool, other.campaignId, claimants, offer);
  await rejects(
    ledger.pool.query(
      `with granted as (insert into grants (campaign_id, serial, user_id, code) values ($1, 1, 'user-10', 'code'))
       update claimants set state = 'offered', serial = 1, offered_us = $2, claim_by_us = $3 where campaign_id = $1`,
      [other.campaignId, offer.offeredUs, offer.claimByUs],
    ),
    { code: '23514', constraint: 'claimants_within' },
  );
});

test('any events in any steps: each serial has one holder, offers pass in order, each claimant ends once', async () => {
  const step = fc.record({
    kind: fc.constantFrom(
      'enter' as const,
      'settle' as const,
      'settle' as const,
      'claim' as const,
      'leave' as const,
    ),
    gapUs: fc.integer({ min: 1, max: 3_000_000 }),
    who: fc.nat({ max: 30 }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 0, max: 4 }),
      fc.array(step, { maxLength: 40 }),
      async (stock, waitlist, steps) => {
        const campaign = await ledger.claimed(stock, claims(waitlist));
        const model = new Model(stock, waitlist);
        let nowUs = 0;
        for (const { kind, gapUs, who } of steps) {
          nowUs += gapUs;
          const user = model.entered[who % Math.max(1, model.entered.length)];
          if (kind === 'enter' && nowUs < WINDOW_US) {
            await ledger.enter(campaign, nowUs);
            model.enter(nowUs);
          } else if (kind === 'settle') {
            await ledger.settle(campaign, nowUs);
            model.settle(nowUs);
            deepEqual(await ledger.shown(campaign), model.shown());
          } else if (user !== undefined && kind === 'claim' && model.holds(user)) {
            await ledger.claim(campaign, [user, nowUs]);
            model.ask(user, 'claim', nowUs);
          } else if (user !== undefined && kind === 'leave' && model.isClaimant(user)) {
            await ledger.leave(campaign, [user, nowUs]);
            model.ask(user, 'leave', nowUs);
          }
        }
        for (let end = 0; end < stock + waitlist + 2; end++) {
          nowUs = Math.max(WINDOW_US, nowUs) + WITHIN_US;
          await ledger.settle(campaign, nowUs);
          model.settle(nowUs);
        }
        notEqual((await ledger.read(campaign)).finishedAt, null);
        equal(await ledger.findsWork(campaign, nowUs), false);
        const shown = Object.entries(await ledger.shown(campaign));
        for (const [, outcome] of shown) ok(!/offered|waitlisted|waiting/.test(outcome), outcome);
        const serials = shown
          .map(([, outcome]) => outcome.split(' ')[1])
          .filter(serial => serial !== undefined);
        equal(new Set(serials).size, serials.length);
      },
    ),
    { numRuns: 40 },
  );
});

/** The expected behaviour in its simplest form: one list of users, scanned in each step. */
class Model {
  readonly entered: number[] = [];
  readonly #stock: number;
  readonly #waitlist: number;
  readonly #people = new Map<
    number,
    { state: string; serial?: number; byUs: number; claimUs: number; leaveUs: number }
  >();
  #freed: number[] = [];
  #watermarkUs = -1;

  constructor(stock: number, waitlist: number) {
    this.#stock = stock;
    this.#waitlist = waitlist;
  }

  enter(who: number): void {
    this.entered.push(who);
    this.#people.set(who, { state: 'waiting', byUs: 0, claimUs: Infinity, leaveUs: Infinity });
  }

  holds(who: number): boolean {
    return this.#people.get(who)?.state === 'offered';
  }

  isClaimant(who: number): boolean {
    return ['offered', 'waitlisted'].includes(this.#people.get(who)?.state ?? '');
  }

  ask(who: number, what: 'claim' | 'leave', atUs: number): void {
    const person = this.#people.get(who);
    if (person === undefined) return;
    if (what === 'claim') person.claimUs = Math.min(person.claimUs, atUs);
    else person.leaveUs = Math.min(person.leaveUs, atUs);
  }

  settle(nowUs: number): void {
    const ended: { atUs: number; order: number; serial: number }[] = [];
    const claimants = [...this.#people].filter(([who]) => who <= this.#watermarkUs);
    for (const [order, [, person]] of claimants.entries()) {
      const askedUs = Math.min(person.claimUs, person.leaveUs);
      if (person.state === 'waitlisted' && person.leaveUs <= nowUs) person.state = 'withdrawn';
      if (person.state !== 'offered') continue;
      if (askedUs <= Math.min(person.byUs, nowUs))
        person.state = person.claimUs < person.leaveUs ? 'granted' : 'declined';
      else if (person.byUs <= nowUs) person.state = 'lapsed';
      const atUs = person.state === 'lapsed' ? person.byUs : askedUs;
      if (person.state === 'lapsed' || person.state === 'declined')
        ended.push({ atUs, order, serial: person.serial ?? 0 });
    }
    ended.sort((a, b) => a.atUs - b.atUs || a.order - b.order);
    this.#freed.push(...ended.map(({ serial }) => serial));
    let given = claimants.filter(([, { state }]) => state !== 'sold_out').length;
    for (const [who, person] of this.#people) {
      if (who <= this.#watermarkUs || who > nowUs) continue;
      given += 1;
      if (given <= this.#stock)
        Object.assign(person, { state: 'offered', serial: given, byUs: nowUs + WITHIN_US });
      else person.state = given <= this.#stock + this.#waitlist ? 'waitlisted' : 'sold_out';
    }
    for (const person of this.#people.values()) {
      if (person.state !== 'waitlisted' || this.#freed.length === 0) continue;
      Object.assign(person, { state: 'offered', serial: this.#freed.shift(), byUs: nowUs + WITHIN_US });
    }
    this.#watermarkUs = nowUs;
  }

  shown(): Record<string, string> {
    const holds = ['offered', 'granted'];
    return Object.fromEntries(
      [...this.#people].map(([who, { state, serial }]) => [
        who,
        holds.includes(state) ? `${state} ${serial}` : state,
      ]),
    );
  }
}
