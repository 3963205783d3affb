import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { readBoard } from '../../contract/redis/board/board.ts';
import { waitForRedis } from '../../contract/redis/redis.ts';
import { deriveSecret } from '../../draw/commit.ts';
import { type AnnouncedRandomness, DRAW_FUNCTION, rulesHash, rulesText } from '../../draw/rules.ts';
import { TEST_DRAW_SECRET } from '../../test/randomness.ts';
import { eventually } from '../../test/support.ts';
import { type Answer, coupon, inMs, startApi, type TestApi } from '../testing/api.ts';

let api: TestApi;
before(async () => {
  api = await startApi();
});
after(() => api.close());

async function post(body: unknown): Promise<Answer> {
  return await api.call('POST', '/v1/campaigns', { body });
}

interface Fault {
  readonly field: string;
  readonly value?: string;
  readonly expected: string;
}

function faultsOf(answer: Answer): readonly Fault[] {
  assert.equal(answer.status, 400, answer.text);
  assert.equal(answer.body.type, 'urn:fairline:problem:invalid-request');
  return answer.body.errors as readonly Fault[];
}

describe('creating a campaign', () => {
  it('creates a coupon and shows it to gateways', async () => {
    const body = { ...coupon(), title: 'Déjà vu 🎟️', opens_at: inMs(60_000), closes_at: inMs(120_000) };
    const answer = await post(body);
    assert.equal(answer.status, 201);
    const { id, created_at, rules_hash, local, ...campaign } = answer.body;
    assert.deepEqual(campaign, {
      kind: 'coupon',
      title: body.title,
      stock: 10,
      opens_at: body.opens_at,
      closes_at: body.closes_at,
      time_zone: 'UTC',
      status: 'scheduled',
      version: 1,
      pending: null,
      paused_at: null,
      made_by: 'operator',
      notice: null,
      entries_settled: 0,
      granted: 0,
      withdrawn: 0,
      settled_at: null,
      published: true,
    });
    assert.ok(typeof created_at === 'string');
    const rules = rulesText({
      kind: 'coupon',
      campaign: Number(id),
      title: body.title,
      stock: 10,
      opensAtUs: Date.parse(body.opens_at) * 1000,
      closesAtUs: Date.parse(body.closes_at) * 1000,
    });
    assert.equal(rules_hash, rulesHash(rules).toString('base64url'));
    assert.equal(await api.closesOnBoard(Number(id)), Date.parse(body.closes_at) * 1000);
    const { published: _, ...shown } = answer.body;
    assert.deepEqual((await api.call('GET', `/v1/campaigns/${id}`)).body, shown);
    assert.equal(answer.headers.get('location'), `/v1/campaigns/${id}`);
  });

  it('creates a raffle that opens immediately', async () => {
    const answer = await post({ kind: 'raffle', title: 'A bicycle', winners: 3, closes_at: inMs(60_000) });
    assert.equal(answer.status, 201);
    assert.equal(answer.body.status, 'open');
    assert.equal(answer.body.winners, 3);
    assert.equal(answer.body.drawn, 0);
    assert.equal(answer.body.passed_on, 0);
    assert.deepEqual(answer.body.tiers, [{ name: 'prize', winners: 3 }]);
    assert.deepEqual([answer.body.alternates, answer.body.group_limit], [0, null]);
  });

  it('announces the rules of a raffle so that anybody can hash what is shown', async () => {
    const tiers = [
      { name: 'first prize', winners: 1 },
      { name: 'Zweiter Preis – 🎟', winners: 10 },
    ];
    for (const randomness of ['commit', 'drand']) {
      const body = {
        kind: 'raffle',
        title: 'A bicycle',
        tiers,
        alternates: 5,
        group_limit: 2,
        randomness,
        opens_at: inMs(60_000),
        closes_at: inMs(120_000),
      };
      const { status, body: made } = await post(body);
      assert.equal(status, 201);
      assert.deepEqual([made.winners, made.alternates, made.group_limit], [11, 5, 2]);
      assert.deepEqual(made.tiers, tiers);
      const announced = made.randomness as AnnouncedRandomness;
      assert.equal(announced.source, randomness);
      const rules = rulesText({
        kind: 'raffle',
        campaign: Number(made.id),
        title: body.title,
        opensAtUs: Date.parse(body.opens_at) * 1000,
        closesAtUs: Date.parse(body.closes_at) * 1000,
        draw: { function: DRAW_FUNCTION, tiers, alternates: 5, group_limit: 2, randomness: announced },
      });
      assert.equal(made.rules_hash, rulesHash(rules).toString('base64url'));
      const news = await readBoard(api.redis, api.keys, { epoch: '', version: 0 });
      const shown = news.campaigns.find(({ campaignId }) => campaignId === made.id);
      assert.deepEqual([shown?.rulesHash, shown?.randomness], [made.rules_hash, announced]);
      // Neither is the secret, nor what it is made from.
      const { rows } = await api.pool.query('select nonce from campaigns where campaign_id = $1', [made.id]);
      const nonce: Buffer | null = rows[0].nonce;
      assert.equal(nonce === null, randomness === 'drand');
      if (nonce === null) continue;
      const secret = deriveSecret(TEST_DRAW_SECRET, Number(made.id), nonce);
      for (const hidden of [nonce, secret]) {
        for (const encoding of ['base64url', 'base64', 'hex'] as const) {
          assert.ok(!JSON.stringify([made, shown]).includes(hidden.toString(encoding)));
        }
      }
    }
  });

  it('accepts values at the limits', async () => {
    const opensAt = Date.now() + 60_000;
    for (const change of [
      { stock: 1 },
      { stock: 10_000_000 },
      { title: 'x' },
      { title: '🎟'.repeat(200) },
      { opens_at: inMs(-50_000) },
      { opens_at: '2199-01-01T00:00:00Z', closes_at: '2199-01-01T00:00:00.001Z' },
      {
        opens_at: new Date(opensAt).toISOString(),
        closes_at: new Date(opensAt + 100 * 86_400_000).toISOString(),
      },
    ]) {
      const answer = await post({ ...coupon(), ...change });
      assert.equal(answer.status, 201, answer.text);
    }
  });

  it('succeeds while Redis is down, and says that gateways do not know the campaign yet', async () => {
    api.redis.disconnect();
    const answer = await post(coupon());
    await eventually(() => api.redis.status === 'end');
    await api.redis.connect();
    await waitForRedis(api.redis, 10_000);
    assert.equal(answer.status, 201);
    assert.equal(answer.body.published, false);
    assert.equal(await api.closesOnBoard(Number(answer.body.id)), undefined);
    assert.equal((await api.call('GET', `/v1/campaigns/${answer.body.id}`)).status, 200);
  });

  const wholeStock = 'a whole number from 1 to 10000000';
  const instant =
    'an instant in UTC, to the millisecond at most, like 2030-01-31T18:00:00.000Z; or, with time_zone, a local time without the Z';
  const raffle = { kind: 'raffle', stock: undefined };
  const tiers =
    'a list of 1 to 100 objects with name (text of 1 to 100 characters) and winners (a whole number from 1 to 10000000)';
  const title = 'text of 1 to 200 characters, without control characters';
  const wrong: readonly [
    what: string,
    change: Record<string, unknown>,
    field: string,
    expected: RegExp | string,
  ][] = [
    ['no kind', { kind: undefined }, 'kind', 'one of coupon, raffle, room'],
    ['another kind', { kind: 'lottery' }, 'kind', 'one of coupon, raffle, room'],
    ['no title', { title: undefined }, 'title', title],
    ['an empty title', { title: '' }, 'title', title],
    ['a title of blanks', { title: '  ' }, 'title', title],
    ['a title that is too long', { title: 'x'.repeat(201) }, 'title', title],
    ['a title with a control character', { title: 'a\u0000b' }, 'title', title],
    ['a title with a lone surrogate', { title: 'a\ud83d' }, 'title', title],
    ['a title that is a number', { title: 7 }, 'title', title],
    ['no stock', { stock: undefined }, 'stock', `${wholeStock}, as kind is coupon`],
    ['a stock of 0', { stock: 0 }, 'stock', wholeStock],
    ['a negative stock', { stock: -1 }, 'stock', wholeStock],
    ['a fractional stock', { stock: 1.5 }, 'stock', wholeStock],
    ['a stock that is too large', { stock: 10_000_001 }, 'stock', wholeStock],
    ['a stock as text', { stock: '10' }, 'stock', wholeStock],
    ['a stock of null', { stock: null }, 'stock', wholeStock],
    ['stock and winners', { winners: 3 }, 'winners', 'no value, as kind is coupon'],
    ['a raffle with a stock', { kind: 'raffle', winners: 3 }, 'stock', 'no value, as kind is raffle'],
    [
      'a raffle without winners',
      { kind: 'raffle', stock: undefined },
      'winners',
      `${wholeStock}, as kind is raffle; or tiers instead`,
    ],
    ['tiers of a coupon', { tiers: [{ name: 'x', winners: 1 }] }, 'tiers', 'no value, as kind is coupon'],
    ['alternates of a coupon', { alternates: 1 }, 'alternates', 'no value, as kind is coupon'],
    ['a group limit of a coupon', { group_limit: 1 }, 'group_limit', 'no value, as kind is coupon'],
    ['randomness of a coupon', { randomness: 'drand' }, 'randomness', 'no value, as kind is coupon'],
    [
      'winners and tiers',
      { ...raffle, winners: 1, tiers: [{ name: 'x', winners: 1 }] },
      'winners',
      'no value, as the tiers set the number of winners',
    ],
    ['no tiers', { ...raffle, tiers: [] }, 'tiers', tiers],
    ['a tier without a name', { ...raffle, tiers: [{ winners: 1 }] }, 'tiers', tiers],
    ['a tier without winners', { ...raffle, tiers: [{ name: 'x', winners: 0 }] }, 'tiers', tiers],
    ['a tier with a fractional winner', { ...raffle, tiers: [{ name: 'x', winners: 0.5 }] }, 'tiers', tiers],
    [
      'a tier with an unknown member',
      { ...raffle, tiers: [{ name: 'x', winners: 1, of: 2 }] },
      'tiers',
      tiers,
    ],
    [
      'too many tiers',
      { ...raffle, tiers: Array.from({ length: 101 }, () => ({ name: 'x', winners: 1 })) },
      'tiers',
      tiers,
    ],
    [
      'too many winners',
      { ...raffle, tiers: Array.from({ length: 2 }, () => ({ name: 'x', winners: 6_000_000 })) },
      'tiers',
      'at most 10000000 winners over all tiers',
    ],
    [
      'negative alternates',
      { ...raffle, winners: 1, alternates: -1 },
      'alternates',
      'a whole number from 0 to 10000000',
    ],
    ['a limit of 0', { ...raffle, winners: 1, group_limit: 0 }, 'group_limit', wholeStock],
    [
      'an unknown source of randomness',
      { ...raffle, winners: 1, randomness: 'dice' },
      'randomness',
      'one of commit, drand',
    ],
    ['no close', { closes_at: undefined }, 'closes_at', instant],
    ['a close without a zone', { closes_at: '2199-01-01T00:00:00' }, 'closes_at', /with a valid time_zone/],
    ['a close in another zone', { closes_at: '2199-01-01T00:00:00+02:00' }, 'closes_at', instant],
    ['a close in microseconds', { closes_at: '2199-01-01T00:00:00.000001Z' }, 'closes_at', instant],
    ['a close as a number', { closes_at: 7_000_000_000_000 }, 'closes_at', instant],
    [
      'a day that does not exist',
      { closes_at: '2199-02-30T00:00:00Z' },
      'closes_at',
      'an existing date and time',
    ],
    [
      'an hour that does not exist',
      { closes_at: '2199-02-03T24:00:00Z' },
      'closes_at',
      'an existing date and time',
    ],
    ['a close in the past', { closes_at: inMs(-1) }, 'closes_at', /^a time after now, 2.*Z$/],
    [
      'an opening after the close',
      { opens_at: inMs(7_200_000) },
      'closes_at',
      /^a time after the opening at 2.*Z$/,
    ],
    ['an opening in the past', { opens_at: inMs(-61_000) }, 'opens_at', /^2.*Z or later$/],
    [
      'a window that is too long',
      { opens_at: inMs(0), closes_at: inMs(100 * 86_400_000 + 1) },
      'closes_at',
      /^at most 100 days after the opening: 2.*Z or earlier$/,
    ],
    [
      'instants too far in the future',
      { opens_at: '2199-12-31T00:00:00Z', closes_at: '2200-01-01T00:00:00Z' },
      'closes_at',
      'a time before 2200-01-01T00:00:00.000Z',
    ],
    ['no time to claim', { claim_within_s: 0 }, 'claim_within_s', 'a whole number from 5 to 2592000'],
    [
      'a negative time to claim',
      { claim_within_s: -60 },
      'claim_within_s',
      'a whole number from 5 to 2592000',
    ],
    [
      'a waitlist without claims',
      { waitlist: 5 },
      'waitlist',
      'no value, as nothing becomes free for a waitlist without claim_within_s',
    ],
    [
      'a negative waitlist',
      { waitlist: -1, claim_within_s: 60 },
      'waitlist',
      'a whole number from 0 to 10000000',
    ],
    [
      'a waitlist of a raffle',
      { ...raffle, winners: 1, claim_within_s: 60, waitlist: 1 },
      'waitlist',
      'no value, as kind is raffle',
    ],
    ['a deadline of a coupon', { claim_by: inMs(7_200_000) }, 'claim_by', 'no value, as kind is coupon'],
    [
      'a deadline before the close',
      { ...raffle, winners: 1, closes_at: inMs(7_200_000), claim_by: inMs(7_100_000) },
      'claim_by',
      /^an instant 5 to 2592000 seconds after the close at 2.*Z$/,
    ],
    [
      'two deadlines',
      { ...raffle, winners: 1, claim_within_s: 60, claim_by: inMs(86_400_000) },
      'claim_by',
      'no value, as claim_within_s sets the time to claim',
    ],
    [
      'a deadline beyond the last stamp',
      { closes_at: inMs(99 * 86_400_000), claim_within_s: 3 * 86_400 },
      'claim_within_s',
      /^a deadline, counted from the close, at or before 2.*Z$/,
    ],
    [
      'an unknown member',
      { colour: 'red' },
      'colour',
      'a known member: kind, title, stock, terms, winners, tiers, alternates, group_limit, randomness, claim_within_s, claim_by, waitlist, monitors, per_second, capacity, grace_seconds, pass_seconds, visit_seconds, single_use, opens_at, closes_at, draws_at, time_zone, shop, two_person, draft',
    ],
  ];
  for (const [what, change, field, expected] of wrong) {
    it(`refuses ${what}`, async () => {
      const faults = faultsOf(await post({ ...coupon(), ...change }));
      assert.deepEqual(
        faults.map(fault => fault.field),
        [field],
      );
      const [fault] = faults;
      assert.ok(fault);
      if (typeof expected === 'string') assert.equal(fault.expected, expected);
      else assert.match(fault.expected, expected);
      const given: unknown = { ...coupon(), ...change }[field];
      if (given === undefined) assert.equal(fault.value, undefined);
      else assert.ok(fault.value !== undefined && fault.value.length <= 60);
    });
  }

  it('reports every fault at once, in the detail as well', async () => {
    const answer = await post({ kind: 'coupon', stock: 0, closes_at: 'soon', __proto__x: 1 });
    assert.deepEqual(
      faultsOf(answer).map(({ field, value }) => [field, value]),
      [
        ['title', undefined],
        ['stock', '0'],
        ['closes_at', '"soon"'],
        ['__proto__x', '1'],
      ],
    );
    assert.match(
      String(answer.body.detail),
      /title is missing, expected text .*; stock is 0, expected a whole number/,
    );
  });

  it('refuses bodies that are not JSON objects', async () => {
    for (const body of [[], 'text', 7, null]) {
      assert.deepEqual(
        faultsOf(await post(body)).map(({ field }) => field),
        ['body'],
      );
    }
    for (const raw of ['{"kind":', '{"a":1}}', '', new Uint8Array([0x22, 0xff, 0x22])]) {
      const [fault] = faultsOf(await api.call('POST', '/v1/campaigns', { raw }));
      assert.equal(fault?.field, 'body');
    }
    const raw = '{"__proto__": {"kind": "coupon"}, "constructor": 1}';
    const fields = faultsOf(await api.call('POST', '/v1/campaigns', { raw })).map(({ field }) => field);
    assert.deepEqual(fields.slice(-2), ['__proto__', 'constructor']);
  });
});

describe('listing campaigns', () => {
  it('returns all campaigns, page by page', async () => {
    const other = await startApi();
    const made: number[] = [];
    for (let count = 0; count < 5; count++) made.push(await other.create());
    const listed: unknown[] = [];
    let query = '?limit=2';
    for (;;) {
      const { body } = await other.call('GET', `/v1/campaigns${query}`);
      assert.ok(Array.isArray(body.campaigns) && body.campaigns.length <= 2);
      listed.push(...body.campaigns.map(campaign => campaign.id));
      if (body.next === null) break;
      query = `?limit=2&after=${body.next}`;
    }
    assert.deepEqual(listed, made);
    await other.close();
  });

  it('refuses invalid parameters', async () => {
    for (const [query, field] of [
      ['limit=0', 'limit'],
      ['limit=1001', 'limit'],
      ['limit=1e2', 'limit'],
      ['limit=', 'limit'],
      ['limit=1&limit=2', 'limit'],
      ['after=-1', 'after'],
      ['after=9007199254740993', 'after'],
      ['page=2', 'page'],
    ]) {
      const [fault] = faultsOf(await api.call('GET', `/v1/campaigns?${query}`));
      assert.equal(fault?.field, field, query);
    }
    for (const id of ['0', '-1', '1.5', 'x', '2147483648', '99999999999999999999', '%00']) {
      const [fault] = faultsOf(await api.call('GET', `/v1/campaigns/${id}`));
      assert.equal(fault?.field, 'id', id);
      assert.equal(fault?.expected, 'a whole number from 1 to 2147483647');
    }
  });

  it('answers 404 for an unknown campaign', async () => {
    const answer = await api.call('GET', '/v1/campaigns/2147483647');
    assert.equal(answer.status, 404);
    assert.equal(answer.body.type, 'urn:fairline:problem:unknown-campaign');
  });
});
