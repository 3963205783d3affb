/** Raising the stock of a coupon by the API: what it announces, when it is too late, and who may. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { getCampaign } from '../../../sql/statements/campaigns/campaigns.ts';
import { listActs } from '../../../sql/statements/operators/operator-log.ts';
import { readBoard } from '../../contract/redis/board/board.ts';
import { rulesHash, rulesText } from '../../draw/rules.ts';
import { defaultLimits } from '../../verify/limits.ts';
import { type Answer, inMs, startApi, type TestApi } from '../testing/api.ts';
import { settle } from '../testing/settle.ts';

const HOUR = 3_600_000;
let api: TestApi;
before(async () => {
  api = await startApi();
});
after(() => api.close());

async function raise(id: number, body: unknown, match = '*', query = ''): Promise<Answer> {
  return await api.call('POST', `/v1/campaigns/${id}/raise${query}`, {
    body,
    headers: { 'if-match': match },
  });
}

const more = (stock: number) => ({ stock, reason: 'The brand has sent more' });

function slug({ status, body }: Answer): string {
  return `${status} ${String(body.type).replace('urn:fairline:problem:', '')}`;
}

async function boardStock(id: number): Promise<number | undefined> {
  const news = await readBoard(api.redis, api.keys, { epoch: '', version: 0 });
  return news.campaigns.find(({ campaignId }) => campaignId === id)?.stock;
}

describe('raising a stock', () => {
  it('takes effect at once, announces new rules, and is on the operator log', async () => {
    const id = await api.create({ stock: 2, title: 'Half price' });
    await api.pool.query(`insert into entries values ($1, 'ann', 1024)`, [id]);
    const before = await getCampaign(api.pool, id);
    assert.ok(before);
    const dried = await raise(id, more(5), '"1"', '?dryRun=true');
    assert.deepEqual(
      [dried.body.dry_run, dried.body.gateways_confirm, Object(dried.body.campaign).stock],
      [true, false, 5],
    );
    const answer = await raise(id, more(5), '"1"');
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual([answer.body.stock, answer.body.version, answer.body.status], [5, 2, 'open']);
    assert.equal(answer.headers.get('etag'), '"2"');
    const rules = rulesText({
      ...{ kind: 'coupon', campaign: id, title: 'Half price', stock: 5 },
      ...{ opensAtUs: before.opensAt.getTime() * 1000, closesAtUs: before.closesAt.getTime() * 1000 },
    });
    assert.equal(answer.body.rules_hash, rulesHash(rules).toString('base64url'));
    assert.equal(await boardStock(id), 5);
    const act = (await listActs(api.pool, { after: 0, limit: 10_000 })).at(-1);
    assert.deepEqual(
      [act?.action, act?.operator, act?.target, act?.reason, JSON.parse(act?.details ?? '')],
      [
        ...['raiseCampaign', 'operator', `campaign ${id}`, 'The brand has sent more'],
        {
          version: 2,
          from: { stock: 2, rules_hash: before.rulesHash?.toString('base64url') },
          to: { stock: 5, rules_hash: answer.body.rules_hash },
        },
      ],
    );
    const { body } = await api.call('GET', `/v1/campaigns/${id}/versions`);
    const [, version] = body.versions as readonly Record<string, unknown>[];
    assert.deepEqual(
      [version?.action, version?.state, version?.stock, version?.rules_hash],
      ['raise', 'effective', 5, answer.body.rules_hash],
    );
  });

  it('is asked for with the whole stock, which is larger, and a reason', async () => {
    const id = await api.create({ stock: 7 });
    for (const [body, field] of [
      [more(7), 'stock'],
      [more(6), 'stock'],
      [{ stock: 8 }, 'reason'],
      [{ reason: 'x' }, 'stock'],
      [{ ...more(8), title: 'x' }, 'title'],
    ] as const) {
      const answer = await raise(id, body);
      assert.equal(slug(answer), '400 invalid-request', answer.text);
      const [fault] = answer.body.errors as readonly { field: string }[];
      assert.equal(fault?.field, field);
    }
    assert.match((await raise(id, more(6))).text, /more than 7, the announced stock: it can only be raised/);
    assert.equal(slug(await raise(id, more(8), '"9"')), '412 precondition-failed');
  });

  it('says until when it is possible, and what to do afterwards', async () => {
    const coming = await api.create({ opens_at: inMs(HOUR), closes_at: inMs(2 * HOUR) });
    const waited = await api.create({ stock: 1, waitlist: 1, claim_within_s: 3_600 });
    const settled = await api.create({ stock: 1 });
    await api.pool.query(`insert into entries values ($1, 'ann', 1024), ($1, 'bob', 2048)`, [waited]);
    const nowUs = Date.now() * 1_000 + 1_000_000;
    await settle(api, waited, nowUs, { throughUs: nowUs, outageUs: 0 });
    await settle(api, settled, nowUs + 4 * HOUR * 1_000);
    const raffle = await api.create({ kind: 'raffle', stock: undefined, winners: 1 });
    const room = await api.create({ kind: 'room', stock: undefined, per_second: 1, closes_at: inMs(HOUR) });
    for (const [id, detail] of [
      [coming, /opens at .*: until then, edit its stock/],
      [waited, /1 users on its waitlist.*a campaign of their own/],
      [settled, /is settled, and its outcomes are final.*a campaign of their own/],
      [raffle, /is a raffle: its seed binds the announced winners.*a raffle of its own/],
      [room, /is a room, which has no stock: set its rate/],
    ] as const) {
      const answer = await raise(id, more(20));
      assert.equal(slug(answer), '409 conflict', answer.text);
      assert.match(String(answer.body.detail), detail);
    }
    const draft = await api.create({ draft: true });
    assert.match(
      (await raise(draft, more(20))).text,
      /is draft; raise needs a campaign that is open, paused, closed/,
    );
  });

  it('is possible as often as a verifier reads of a book, and not once more', async () => {
    const id = await api.create({ stock: 1 });
    // Versions that would each take a request of their own; the last one possible is made by a request.
    const madeBefore = defaultLimits.raises - 1;
    await api.pool.query(
      `insert into campaign_versions
         (campaign_id, version, action, stage, title, places, opens_at, closes_at, time_zone, paused, base_version, asked_by,
          reason, state, decided_at)
       select campaign_id, 1 + number, 'raise', stage, title, 1 + number, opens_at, closes_at, time_zone, false, number, 'operator',
              'more', 'effective', now() from campaigns cross join generate_series(1, $2::integer) number where campaign_id = $1`,
      [id, madeBefore],
    );
    await api.pool.query(
      `insert into stock_raises
       select $1, 1 + number, now(), number, number + 1, 0, sha256(''), sha256('') from generate_series(1, $2::integer) number`,
      [id, madeBefore],
    );
    const last = await raise(id, more(5_000), '*');
    assert.equal(last.status, 200, last.text);
    for (const query of ['', '?dryRun=true']) {
      const refused = await raise(id, more(6_000), '*', query);
      assert.equal(slug(refused), '409 conflict', refused.text);
      assert.match(
        String(refused.body.detail),
        /The stock of campaign \d+ was raised 1000 times, and its book can state 1000 raises: hand further coupons out in a campaign/,
      );
    }
    assert.equal((await getCampaign(api.pool, id))?.stock, 5_000);
  });

  it('is refused when the campaign is settled between the plan and the act', async () => {
    const id = await api.create({ stock: 1 });
    const [answer] = await Promise.all([
      raise(id, more(2)),
      settle(api, id, (Date.now() + 4 * HOUR) * 1_000),
    ]);
    const campaign = await getCampaign(api.pool, id);
    assert.equal(campaign?.stock, answer.status === 200 ? 2 : 1, answer.text);
    if (answer.status !== 200) assert.equal(slug(answer), '409 conflict', answer.text);
    assert.equal(campaign?.finishedAt === null, false);
  });

  it('happens once for each version, whoever asks at once', async () => {
    const id = await api.create({ stock: 1 });
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, index) => raise(id, more(2 + index), '"1"')),
    );
    const done = answers.filter(({ status }) => status === 200);
    assert.equal(done.length, 1);
    for (const answer of answers)
      if (answer.status !== 200) assert.equal(slug(answer), '412 precondition-failed', answer.text);
    assert.equal((await getCampaign(api.pool, id))?.stock, done[0]?.body.stock);
  });

  it('waits for a second operator where the campaign needs two', async () => {
    const id = await api.create({ stock: 1, two_person: true });
    const asked = await raise(id, more(2));
    assert.equal(asked.status, 202, asked.text);
    assert.equal(Object(Object(asked.body.would).campaign).stock, 2);
    assert.equal((await getCampaign(api.pool, id))?.stock, 1);
    const token = await api.tokenOf('Bea', 'owner');
    const approved = await api.call('POST', `/v1/proposals/${asked.body.id}/approve`, { token });
    assert.equal(approved.status, 200, approved.text);
    assert.equal((await getCampaign(api.pool, id))?.stock, 2);
  });
});
