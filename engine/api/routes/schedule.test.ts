import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { proposeVersion, targetOf } from '../../../sql/statements/campaigns/campaign-versions.ts';
import { getCampaign } from '../../../sql/statements/campaigns/campaigns.ts';
import { listScheduled } from '../../../sql/statements/campaigns/schedule.ts';
import { listActs } from '../../../sql/statements/operators/operator-log.ts';
import { resumeChanges } from '../../campaigns/decide.ts';
import type { BoardCampaign } from '../../contract/redis/board/board.ts';
import { readBoard } from '../../contract/redis/board/board.ts';
import { rulesHash, rulesText } from '../../draw/rules.ts';
import { eventually } from '../../test/support.ts';
import { type Answer, coupon, inMs, joinBoard, startApi, type TestApi, TOKEN } from '../testing/api.ts';

const HOUR = 3_600_000;
let api: TestApi;
before(async () => {
  api = await startApi();
});
after(() => api.close());

/** A coupon that opens in an hour and closes in two. */
async function coming(on = api, wanted: Readonly<Record<string, unknown>> = {}): Promise<number> {
  return await on.create({ opens_at: inMs(HOUR), closes_at: inMs(2 * HOUR), ...wanted });
}

async function change(
  id: number,
  what: 'edit' | 'announce' | 'pause' | 'resume' | 'cancel' | 'archive',
  options: {
    readonly body?: unknown;
    readonly match?: string;
    readonly by?: string;
    readonly query?: string;
    readonly on?: TestApi;
  } = {},
): Promise<Answer> {
  const { body = {}, match = '*', by, query = '', on = api } = options;
  const path = `/v1/campaigns/${id}${what === 'edit' ? '' : `/${what}`}${query}`;
  const token = by === undefined ? TOKEN : await on.tokenOf(by);
  const headers = { 'if-match': match };
  return await on.call(what === 'edit' ? 'PATCH' : 'POST', path, { body, token, headers });
}

async function versions(id: number, on = api): Promise<readonly Record<string, unknown>[]> {
  const { body } = await on.call('GET', `/v1/campaigns/${id}/versions`);
  return body.versions as readonly Record<string, unknown>[];
}

async function onBoard(id: number, on = api): Promise<BoardCampaign | undefined> {
  const news = await readBoard(on.redis, on.keys, { epoch: '', version: 0 });
  return news.campaigns.find(({ campaignId }) => campaignId === id);
}

function slug(answer: Answer): unknown {
  return `${answer.status} ${String(answer.body.type).replace('urn:fairline:problem:', '')}`;
}

describe('editing a campaign', () => {
  it('moves an opening, announces new rules, and records who, when and why', async () => {
    const id = await coming();
    const before = await api.call('GET', `/v1/campaigns/${id}`);
    const [opens_at, closes_at] = [inMs(1.5 * HOUR), inMs(3 * HOUR)];
    const body = { opens_at, closes_at, reason: 'the truck is late' };
    const answer = await change(id, 'edit', { body, match: '"1"', by: 'Zoë' });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(
      [answer.body.opens_at, answer.body.closes_at, answer.body.version, answer.body.pending],
      [opens_at, closes_at, 2, null],
    );
    assert.equal(answer.headers.get('etag'), '"2"');
    assert.notEqual(answer.body.rules_hash, before.body.rules_hash);
    const rules = rulesText({
      kind: 'coupon',
      campaign: id,
      title: 'Half price',
      stock: 10,
      opensAtUs: Date.parse(opens_at) * 1000,
      closesAtUs: Date.parse(closes_at) * 1000,
    });
    assert.equal(answer.body.rules_hash, rulesHash(rules).toString('base64url'));
    const shown = await onBoard(id);
    assert.deepEqual([shown?.opensAtUs, shown?.pending], [Date.parse(opens_at) * 1000, undefined]);
    const [made, edited] = await versions(id);
    assert.deepEqual(
      [made?.action, made?.by, made?.rules_hash],
      ['make', 'operator', before.body.rules_hash],
    );
    assert.deepEqual(
      [edited?.action, edited?.state, edited?.by, edited?.reason, edited?.rules_hash],
      ['edit', 'effective', 'Zoë', 'the truck is late', answer.body.rules_hash],
    );
  });

  it('keeps a raffle’s commitment when its opening moves, and its rules when only its drawing does', async () => {
    const id = await coming(api, { kind: 'raffle', stock: undefined, winners: 2, alternates: 1 });
    const before = (await api.call('GET', `/v1/campaigns/${id}`)).body;
    const moved = await change(id, 'edit', { body: { opens_at: inMs(1.5 * HOUR) } });
    assert.equal(moved.status, 200, moved.text);
    assert.deepEqual([moved.body.randomness, moved.body.alternates], [before.randomness, 1]);
    assert.notEqual(moved.body.rules_hash, before.rules_hash);
    const draws_at = inMs(4 * HOUR);
    const drawn = await change(id, 'edit', { body: { draws_at } });
    assert.deepEqual([drawn.body.draws_at, drawn.body.rules_hash], [draws_at, moved.body.rules_hash]);
    const atClose = await change(id, 'edit', { body: { draws_at: null } });
    assert.equal(atClose.body.draws_at, before.closes_at);
  });

  it('uses the drand round after the new close', async () => {
    const raffle = { kind: 'raffle', stock: undefined, winners: 2, randomness: 'drand' };
    const id = await coming(api, raffle);
    const round = (answer: Answer): number => Number(Reflect.get(Object(answer.body.randomness), 'round'));
    const before = await api.call('GET', `/v1/campaigns/${id}`);
    const moved = await change(id, 'edit', { body: { closes_at: inMs(3 * HOUR) } });
    assert.ok(round(moved) > round(before));
  });

  it('requires the version that the edit is based on', async () => {
    const id = await coming();
    const body = { title: 'Two thirds' };
    const without = await api.call('PATCH', `/v1/campaigns/${id}`, { body });
    assert.equal(slug(without), '428 precondition-required');
    assert.equal((await change(id, 'edit', { body, match: '"1", "7"' })).status, 200);
    for (const match of ['"1"', 'W/"2"', '2', '"x"']) {
      const refused = await change(id, 'edit', { body, match });
      assert.equal(slug(refused), '412 precondition-failed', match);
      assert.equal(refused.headers.get('etag'), '"2"');
      assert.equal(refused.body.version, 2);
    }
  });

  it('applies one of two concurrent edits and answers the other with a conflict', async () => {
    const id = await coming();
    const answers = await Promise.all(
      ['Ada', 'Bob', 'Cid', 'Dee'].map(by => change(id, 'edit', { body: { title: by }, match: '"1"', by })),
    );
    const made = answers.filter(({ status }) => status === 200);
    assert.equal(made.length, 1);
    for (const answer of answers) {
      if (answer.status === 200) continue;
      assert.ok(['409 conflict', '412 precondition-failed'].includes(String(slug(answer))), answer.text);
    }
    const effective = (await versions(id)).filter(({ state }) => state === 'effective');
    assert.equal(effective.length, 2);
    assert.equal((await api.call('GET', `/v1/campaigns/${id}`)).body.title, made[0]?.body.title);
    assert.equal(effective[1]?.by, made[0]?.body.title);
  });

  it('refuses what has passed, is too near, or is locked by entries, with field and remedy', async () => {
    const open = await api.create({ closes_at: inMs(HOUR) });
    const raffle = await api.create({ kind: 'raffle', stock: undefined, winners: 1, closes_at: inMs(HOUR) });
    const soon = await api.create({ opens_at: inMs(900), closes_at: inMs(HOUR) });
    for (const [id, body, reason, field, expected] of [
      [open, { opens_at: inMs(HOUR / 2) }, 'passed', 'opens_at', /^no change: it passed at /],
      [open, { title: 'Other' }, 'passed', 'title', /its rules are fixed/],
      [open, { closes_at: inMs(800) }, 'too_near', 'closes_at', /^\S+Z or later/],
      [soon, { opens_at: inMs(HOUR / 2) }, 'too_near', 'opens_at', /^no change: it comes at /],
      [
        raffle,
        { closes_at: inMs(2 * HOUR) },
        'passed',
        'closes_at',
        /as announced, or earlier: the seed of the draw binds it/,
      ],
    ] as const) {
      const answer = await change(id, 'edit', { body });
      assert.equal(slug(answer), '409 change-refused', answer.text);
      assert.equal(answer.body.reason, reason);
      const [fault] = answer.body.errors as { field: string; value: string; expected: string }[];
      assert.equal(fault?.field, field);
      assert.ok(fault.value !== undefined);
      assert.match(fault.expected, expected);
    }
  });

  it('refuses invalid edits', async () => {
    const id = await coming();
    const raffle = await coming(api, { kind: 'raffle', stock: undefined, winners: 1 });
    await api.pool.query(
      `update campaigns set settled_stamp = 1, settled_count = 2, granted_count = 2 where campaign_id = $1`,
      [id],
    );
    for (const [on, body, field, expected] of [
      [id, { stock: 1 }, 'stock', /^at least 2, as that many are granted/],
      [id, { closes_at: inMs(HOUR / 2) }, 'closes_at', /^a time after the opening/],
      [raffle, { draws_at: inMs(1.5 * HOUR) }, 'draws_at', /which freezes the pool/],
      [id, { draws_at: inMs(3 * HOUR) }, 'draws_at', /as kind is coupon/],
      [id, { opens_at: '2027-03-28T02:30', time_zone: 'Europe/Berlin' }, 'opens_at', /01:30.* or .*00:30/],
      [id, { opens_at: '2026-10-25T02:30', time_zone: 'Europe/Berlin' }, 'opens_at', /00:30.* or .*01:30/],
      [id, { time_zone: 'Mars/Olympus' }, 'time_zone', /IANA/],
      [id, { winners: 3 }, 'winners', /a known member/],
      [id, { reason: '' }, 'reason', /text of 1 to 200/],
    ] as const) {
      const answer = await change(on, 'edit', { body });
      assert.equal(slug(answer), '400 invalid-request', answer.text);
      const [fault] = answer.body.errors as { field: string; expected: string }[];
      assert.equal(fault?.field, field);
      assert.match(String(fault.expected), expected);
    }
  });

  it("reads and shows local times in the campaign's zone", async () => {
    const id = await api.create({
      opens_at: '2120-07-01T20:00',
      closes_at: '2120-07-02T20:00:00',
      time_zone: 'Europe/Berlin',
    });
    const { body } = await api.call('GET', `/v1/campaigns/${id}`);
    assert.equal(body.opens_at, '2120-07-01T18:00:00.000Z');
    assert.deepEqual(body.local, {
      opens_at: '2120-07-01T20:00:00.000+02:00',
      closes_at: '2120-07-02T20:00:00.000+02:00',
    });
    const moved = await change(id, 'edit', { body: { closes_at: '2120-07-02T21:00' } });
    assert.equal(moved.body.closes_at, '2120-07-02T19:00:00.000Z', moved.text);
  });
});

describe('gateways', () => {
  it('confirm a change before it takes effect', async () => {
    const other = await startApi({ leaseMs: 20_000 });
    const id = await coming(other);
    const [first, second] = [await joinBoard(other, 'first'), await joinBoard(other, 'second')];
    const stop = first.keepReading();
    const opens_at = inMs(1.5 * HOUR);
    const asked = change(id, 'edit', { body: { opens_at }, on: other });
    const pending = await eventually(async () => (await onBoard(id, other))?.pending);
    assert.equal(pending.opensAtUs, Date.parse(opens_at) * 1000);
    await second.read();
    assert.equal((await other.call('GET', `/v1/campaigns/${id}`)).body.pending, pending.version);
    assert.equal(slug(await change(id, 'pause', { on: other })), '409 conflict', 'one change at a time');
    const stopSecond = second.keepReading();
    const answer = await asked;
    assert.equal(answer.status, 200, answer.text);
    assert.equal((await onBoard(id, other))?.opensAtUs, Date.parse(opens_at) * 1000);
    await Promise.all([stop(), stopSecond()]);
    await other.close();
  });

  it('that do not confirm make it refused, and nothing changes', async () => {
    const other = await startApi();
    const id = await coming(other);
    const before = await other.call('GET', `/v1/campaigns/${id}`);
    const [talking, silent] = [await joinBoard(other, 'talks'), await joinBoard(other, 'is silent')];
    await silent.read();
    const stop = talking.keepReading();
    const answer = await change(id, 'edit', { body: { opens_at: inMs(1.5 * HOUR) }, on: other });
    assert.equal(slug(answer), '409 change-refused');
    assert.equal(answer.body.reason, 'gateway_silent');
    assert.match(String(answer.body.detail), /is silent/);
    assert.doesNotMatch(String(answer.body.detail), /talks/);
    assert.deepEqual((await other.call('GET', `/v1/campaigns/${id}`)).body, before.body);
    assert.equal((await onBoard(id, other))?.pending, undefined, 'gateways continue as before');
    const [, refused] = await versions(id, other);
    assert.deepEqual([refused?.state, refused?.refused], ['refused', 'gateway_silent']);
    await stop();
    await other.close();
  });

  it('that are unreachable make it refused', async () => {
    const other = await startApi();
    const id = await coming(other);
    await other.redis.del(other.keys.leases);
    const answer = await change(id, 'pause', { on: other });
    assert.deepEqual([slug(answer), answer.body.reason], ['409 change-refused', 'redis_away']);
    await other.close();
  });

  it('let the next engine decide a change that one left pending', async () => {
    const other = await startApi();
    const gateway = await joinBoard(other, 'first');
    const id = await coming(other);
    const left = async (decideBy: Date | null = null): Promise<number | undefined> => {
      const campaign = await getCampaign(other.pool, id);
      assert.ok(campaign);
      const target = { ...targetOf(campaign), paused: campaign.pausedAt === null };
      const action = target.paused ? ('pause' as const) : ('resume' as const);
      const base = { campaignId: id, action, baseVersion: campaign.version, target };
      const by = { askedBy: 'Ada', askedRole: 'editor', askedToken: 7 } as const;
      const proposed = await proposeVersion(other.pool, { ...base, ...by, reason: null, decideBy });
      return proposed?.pending?.version;
    };
    assert.equal(await left(), 2);
    const stop = gateway.keepReading();
    await eventually(async () => {
      await resumeChanges(other.deps);
      return (await getCampaign(other.pool, id))?.pausedAt !== null;
    });
    await stop();
    assert.equal(await left(), 3);
    await eventually(async () => {
      await resumeChanges(other.deps);
      return (await versions(id, other))[2]?.state === 'refused';
    });
    assert.equal((await onBoard(id, other))?.paused, true);
    assert.equal(await left(new Date(Date.now() - 1)), 4);
    await resumeChanges(other.deps);
    assert.equal((await versions(id, other))[3]?.refused, 'too_near', 'its decide-by time has passed');
    const acts = (await listActs(other.pool, { after: 0, limit: 9 })).filter(
      ({ operator }) => operator === 'Ada',
    );
    assert.deepEqual(
      acts.map(({ action, role, tokenId, target }) => ({ action, role, tokenId, target })),
      [{ action: 'pauseCampaign', role: 'editor', tokenId: 7, target: `campaign ${id}` }],
      'the one that took effect is logged, under the name of who asked',
    );
    await other.close();
  });
});

describe('campaign stages', () => {
  it('a draft is hidden until it is announced', async () => {
    const times = { opens_at: inMs(HOUR), closes_at: inMs(2 * HOUR) };
    const tiers = [
      { name: 'car', winners: 1 },
      { name: 'bell', winners: 5 },
    ];
    const draft = { kind: 'raffle', stock: undefined, tiers, group_limit: 2, draft: true, ...times };
    const id = await api.create(draft);
    const made = await api.call('GET', `/v1/campaigns/${id}`);
    assert.deepEqual([made.body.status, made.body.rules_hash], ['draft', null]);
    assert.equal(await onBoard(id), undefined);
    assert.equal(slug(await change(id, 'pause')), '409 conflict');
    assert.equal(slug(await api.call('POST', `/v1/campaigns/${id}/close`)), '409 conflict');
    const past = await change(id, 'edit', { body: { opens_at: inMs(-HOUR) } });
    assert.equal(past.status, 200, past.text);
    const early = await change(id, 'announce');
    assert.deepEqual([slug(early), early.body.reason], ['409 change-refused', 'passed']);
    await change(id, 'edit', { body: { opens_at: inMs(HOUR) } });
    const announced = await change(id, 'announce', { by: 'Ada' });
    assert.equal(announced.status, 200, announced.text);
    assert.equal(announced.body.status, 'scheduled');
    assert.deepEqual([announced.body.tiers, announced.body.group_limit], [tiers, 2]);
    assert.ok(announced.body.rules_hash);
    assert.equal((await onBoard(id))?.stock, 6);
  });

  it('pauses and resumes', async () => {
    const id = await api.create();
    assert.equal(slug(await change(id, 'resume')), '409 conflict');
    const paused = await change(id, 'pause', { body: { reason: 'a fault' } });
    assert.deepEqual([paused.status, paused.body.status], [200, 'paused'], paused.text);
    assert.equal((await onBoard(id))?.paused, true);
    const resumed = await change(id, 'resume');
    assert.deepEqual([resumed.body.status, resumed.body.paused_at], ['open', null]);
    assert.equal((await onBoard(id))?.paused, undefined);
  });

  it('cancels at once before the opening, and archives', async () => {
    const id = await coming();
    const cancelled = await change(id, 'cancel', { body: { reason: 'no truck' } });
    assert.deepEqual([cancelled.status, cancelled.body.status], [200, 'cancelled'], cancelled.text);
    assert.ok(cancelled.body.settled_at !== null);
    assert.equal(slug(await change(id, 'cancel')), '409 conflict');
    assert.equal(slug(await change(id, 'edit', { body: { title: 'x' } })), '409 conflict');
    assert.equal((await onBoard(id))?.cancelledStamp, -1);
    const archived = await change(id, 'archive');
    assert.equal(archived.body.status, 'archived', archived.text);
    assert.equal((await onBoard(id))?.archived, true);
  });

  it('an early close creates a version', async () => {
    const id = await api.create();
    const path = `/v1/campaigns/${id}/close`;
    const dry = await api.call('POST', `${path}?dryRun=true`);
    assert.deepEqual([dry.status, dry.body.action], [200, 'close'], dry.text);
    assert.equal((await getCampaign(api.pool, id))?.closingAt, null);
    const reason = 'The brand has sold out';
    const closed = await api.call('POST', path, { token: await api.tokenOf('Ada'), body: { reason } });
    assert.equal(closed.headers.get('etag'), '"2"');
    const [, close] = await versions(id);
    assert.deepEqual(
      [close?.action, close?.by, close?.reason, close?.closes_at],
      ['close', 'Ada', reason, closed.body.closes_at],
    );
  });
});

describe('a dry run', () => {
  it('shows the effect and changes nothing', async () => {
    const id = await coming();
    const before = await getCampaign(api.pool, id);
    const opens_at = inMs(1.5 * HOUR);
    const query = '?dryRun=true';
    const edit = await change(id, 'edit', { body: { opens_at }, query });
    assert.equal(edit.status, 200, edit.text);
    assert.deepEqual([edit.body.dry_run, edit.body.gateways_confirm], [true, true]);
    const would = Object(edit.body.campaign);
    assert.deepEqual([would.opens_at, would.version, would.status], [opens_at, 2, 'scheduled']);
    assert.ok(Date.parse(String(edit.body.effective_before)) < Date.parse(inMs(HOUR)));
    assert.equal(Object((await change(id, 'cancel', { query })).body.campaign).status, 'cancelled');
    assert.equal(Object((await change(id, 'pause', { query })).body.campaign).status, 'paused');
    assert.equal(
      slug(await change(id, 'resume', { query })),
      '409 conflict',
      'a dry run is refused like the real call',
    );
    assert.equal(
      slug(await change(id, 'edit', { body: {}, query, match: '"7"' })),
      '412 precondition-failed',
    );
    assert.deepEqual(await getCampaign(api.pool, id), before);
    assert.equal((await versions(id)).length, 1);
    assert.equal(slug(await change(id, 'pause', { query: '?dryRun=yes' })), '400 invalid-request');
  });

  it('creates no campaign', async () => {
    const count = async (): Promise<unknown> =>
      (await api.pool.query('select count(*) from campaigns')).rows[0]?.count;
    const before = await count();
    const query = '?dryRun=true';
    const made = await api.call('POST', `/v1/campaigns${query}`, { body: coupon() });
    assert.equal(made.status, 200, made.text);
    assert.deepEqual([Object(made.body.campaign).stock, Object(made.body.campaign).status], [10, 'open']);
    const wrong = await api.call('POST', `/v1/campaigns${query}`, { body: { ...coupon(), stock: 0 } });
    assert.equal(wrong.status, 400);
    assert.equal(await count(), before);
  });
});

describe('a dry run of a draw', () => {
  it('settles no terms', async () => {
    const id = await coming(api, { kind: 'raffle', stock: undefined, winners: 1 });
    const path = `/v1/campaigns/${id}/entrants`;
    const dry = await api.call('PUT', `${path}?dryRun=true`, {
      body: { entrants: [{ user: 'ann', tickets: 3 }] },
    });
    assert.deepEqual([dry.status, dry.body], [200, { entrants: 1, dry_run: true }]);
    assert.deepEqual((await api.call('GET', path)).body.entrants, []);
    const none = await api.call('PUT', `/v1/campaigns/${await coming()}/entrants?dryRun=true`, {
      body: { entrants: [{ user: 'ann' }] },
    });
    assert.equal(slug(none), '409 conflict');
  });
});

describe('creating campaigns again', () => {
  it('duplicates a campaign with its own times', async () => {
    const raffle = { kind: 'raffle', stock: undefined, winners: 3, alternates: 2, group_limit: 1 };
    const id = await coming(api, { ...raffle, time_zone: 'Asia/Kolkata' });
    const body = { opens_at: inMs(30 * HOUR), closes_at: inMs(31 * HOUR), title: 'Once more' };
    const made = await api.call('POST', `/v1/campaigns/${id}/duplicate`, { body });
    assert.equal(made.status, 201, made.text);
    assert.notEqual(made.body.id, id);
    const { title, winners, alternates, group_limit, time_zone, opens_at } = made.body;
    assert.deepEqual(
      [title, winners, alternates, group_limit, time_zone, opens_at],
      ['Once more', 3, 2, 1, 'Asia/Kolkata', body.opens_at],
    );
    const draft = { ...body, draft: true };
    const second = await api.call('POST', `/v1/campaigns/${made.body.id}/duplicate`, { body: draft });
    assert.equal(second.body.status, 'draft');
    const third = await api.call('POST', `/v1/campaigns/${second.body.id}/duplicate`, { body: draft });
    assert.equal(third.body.winners, 3);
    assert.equal((await change(Number(third.body.id), 'announce')).body.alternates, 2);
  });

  it('saves templates and creates campaigns from them', async () => {
    const campaign = { kind: 'coupon', title: 'Friday', stock: 7, time_zone: 'Europe/Berlin' };
    const body = { name: 'Fridays', campaign };
    const kept = await api.call('POST', '/v1/templates', { body, token: await api.tokenOf('Ada') });
    assert.equal(kept.status, 201, kept.text);
    assert.deepEqual([kept.body.campaign, kept.body.made_by], [campaign, 'Ada']);
    assert.equal(slug(await api.call('POST', '/v1/templates', { body })), '409 conflict');
    const id = Number(kept.body.id);
    assert.deepEqual((await api.call('GET', `/v1/templates/${id}`)).body, kept.body);
    assert.deepEqual((await api.call('GET', '/v1/templates')).body, { templates: [kept.body], next: null });
    const times = { opens_at: '2120-07-01T20:00', closes_at: '2120-07-01T22:00' };
    const made = await api.call('POST', `/v1/templates/${id}/campaigns`, {
      body: { ...times, time_zone: 'Europe/Berlin' },
    });
    assert.equal(made.status, 201, made.text);
    assert.deepEqual([made.body.stock, made.body.opens_at], [7, '2120-07-01T18:00:00.000Z']);
    const zoned = await api.call('POST', `/v1/templates/${id}/campaigns`, { body: times });
    assert.equal(zoned.body.opens_at, '2120-07-01T18:00:00.000Z', "the template's zone");
    const wrong = { name: 'x', campaign: { ...campaign, stock: 0 } };
    assert.equal(slug(await api.call('POST', '/v1/templates', { body: wrong })), '400 invalid-request');
    const both = { name: 'x', campaign: { ...campaign, winners: 1 } };
    assert.equal(slug(await api.call('POST', '/v1/templates', { body: both })), '400 invalid-request');
    assert.equal(slug(await api.call('GET', '/v1/templates/999')), '404 unknown-template');
  });
});

describe('upcoming campaigns', () => {
  it('are listed by time and by kind, page by page', async () => {
    const other = await startApi();
    const first = await coming(other, { title: 'one', time_zone: 'Asia/Kolkata' });
    const raffle = { kind: 'raffle', stock: undefined, winners: 1, opens_at: inMs(-1_000) };
    const second = await coming(other, { ...raffle, draws_at: inMs(3 * HOUR) });
    const cancelled = await coming(other);
    await change(cancelled, 'cancel', { on: other });
    await coming(other, { draft: true });
    const list = async (query = ''): Promise<Answer> => await other.call('GET', `/v1/schedule${query}`);
    const itemsOf = ({ body }: Answer): unknown =>
      (body.scheduled as { kind: string; campaign: number }[]).map(
        ({ kind, campaign }) => `${kind} ${campaign}`,
      );
    const all = ['opening 1', 'closing 1', 'closing 2', 'drawing 2'];
    assert.deepEqual([first, second], [1, 2]);
    assert.deepEqual(itemsOf(await list()), all);
    const [opening] = (await list()).body.scheduled as Record<string, unknown>[];
    assert.match(String(opening?.local), /\+05:30$/);
    assert.deepEqual([opening?.title, opening?.version], ['one', 1]);
    assert.deepEqual(itemsOf(await list('?kind=closing')), ['closing 1', 'closing 2']);
    assert.deepEqual(itemsOf(await list(`?from=${inMs(1.5 * HOUR)}&until=${inMs(2.5 * HOUR)}`)), [
      'closing 1',
      'closing 2',
    ]);
    const paged: unknown[] = [];
    for (let query = '?limit=1'; ; ) {
      const page = await list(query);
      assert.equal(page.status, 200, page.text);
      paged.push(...(itemsOf(page) as unknown[]));
      if (page.body.next === null) break;
      query = `?limit=1&after=${encodeURIComponent(String(page.body.next))}`;
    }
    assert.deepEqual(paged, all);
    for (const query of ['?kind=closed', '?from=tomorrow', '?after=1', '?from=2030-02-30T00:00Z']) {
      assert.equal(slug(await list(query)), '400 invalid-request', query);
    }
    const from = new Date(0);
    const past = await listScheduled(other.pool, {
      from,
      until: null,
      kind: 'opening',
      after: undefined,
      limit: 9,
    });
    assert.deepEqual(
      past.map(({ campaignId }) => campaignId),
      [2, 1],
    );
    await other.close();
  });
});
