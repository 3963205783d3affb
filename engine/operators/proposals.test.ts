/** The two-person rule on running servers: two engines over one ledger, with operators who act at the same moment. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { listActs } from '../../sql/statements/operators/operator-log.ts';
import {
  type Answer,
  HOUR_MS,
  type RunningProcess,
  type System,
  startSystem,
  toAnswer,
} from '../test/system.ts';

type Who = { readonly authorization: string };

let system: System;
let engines: readonly RunningProcess[];
let ada: Who;
let bob: Who;
let cleo: Who;
let drawer: Who;
before(async () => {
  // Longer than the others': a gateway that a busy machine holds up for a lease is silent, and refuses changes so.
  const lease = { LEASE_MS: '5000' };
  system = await startSystem({ log: 'redis', engineEnv: lease, gatewayEnv: lease });
  engines = [system.engine, await system.startEngine()];
  ada = await system.operator('Ada', 'editor');
  bob = await system.operator('Bob', 'editor');
  cleo = await system.operator('Cleo', 'owner');
  drawer = await system.operator('Dan', 'drawer');
});
after(() => system.close());

async function ask(who: Who, method: string, path: string, body?: unknown, on = 0): Promise<Answer> {
  const init = {
    method,
    headers: {
      ...who,
      'if-match': '*',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  };
  return await toAnswer(await fetch((engines[on]?.url ?? '') + path, init));
}

const slug = ({ status, body }: Answer): string =>
  `${status} ${String(body.type ?? '').replace('urn:fairline:problem:', '')}`;

const inHours = (hours: number): string => new Date(Date.now() + hours * HOUR_MS).toISOString();

function coming(wanted: object = {}): Promise<number> {
  return system.offer({
    ...{ kind: 'coupon', stock: 5, two_person: true },
    ...{ opens_at: inHours(1), closes_at: inHours(2), ...wanted },
  });
}

async function proposed(who: Who, method: string, path: string, body?: unknown): Promise<string> {
  const answer = await ask(who, method, path, body);
  assert.equal(answer.status, 202, answer.text);
  assert.equal(answer.headers.get('location'), `/v1/proposals/${answer.body.id}`);
  return `/v1/proposals/${answer.body.id}`;
}

const stateOf = async (id: number): Promise<unknown> =>
  (await ask(ada, 'GET', `/v1/campaigns/${id}`)).body.status;

/** The acts on a campaign and on its proposals, in order. */
async function actsOn(id: number): Promise<readonly string[]> {
  const rows = await listActs(system.pool, { after: 0, limit: 100_000 });
  return rows
    .filter(({ target, details }) => target === `campaign ${id}` || JSON.parse(details).campaign === id)
    .map(({ action, operator }) => `${action} by ${operator}`);
}

describe('a proposal', () => {
  it('shows what it would do, and is done by another operator, in the name of the first', async () => {
    const id = await coming();
    const proposal = await proposed(ada, 'PATCH', `/v1/campaigns/${id}`, {
      title: 'A third',
      reason: 'typo',
    });
    const seen = (await ask(bob, 'GET', proposal)).body;
    assert.deepEqual([seen.state, seen.proposed_by, seen.reason], ['pending', 'Ada', 'typo']);
    assert.deepEqual(seen.body, { title: 'A third', reason: 'typo' });
    const dry = await ask(bob, 'PATCH', `/v1/campaigns/${id}?dryRun=true`, {
      title: 'A third',
      reason: 'typo',
    });
    assert.deepEqual(seen.would, dry.body);
    assert.equal((await ask(bob, 'GET', `/v1/campaigns/${id}`)).body.title, 'A drop');
    const approved = await ask(bob, 'POST', `${proposal}/approve`);
    assert.deepEqual(
      [approved.status, approved.body.state, approved.body.decided_by],
      [200, 'approved', 'Bob'],
    );
    assert.equal((await ask(bob, 'GET', `/v1/campaigns/${id}`)).body.title, 'A third');
    assert.deepEqual(await actsOn(id), [
      ...['createCampaign by operator', 'propose by Ada'],
      ...['approveProposal by Bob', 'editCampaign by Ada'],
    ]);
    const { body } = await ask(bob, 'GET', `/v1/campaigns/${id}/versions`);
    const versions = body.versions as readonly Record<string, unknown>[];
    assert.deepEqual([versions.at(-1)?.by, versions.at(-1)?.reason], ['Ada', 'typo']);
    assert.deepEqual((await ask(bob, 'POST', `${proposal}/approve`)).body, approved.body, 'a lost answer');
  });

  it('of a cancellation keeps what fans are told', async () => {
    const id = await coming();
    const notice = { ko: '행사가 취소되었습니다.', en: 'The drop is cancelled.' };
    const proposal = await proposed(ada, 'POST', `/v1/campaigns/${id}/cancel`, { reason: 'flood', notice });
    const { would } = (await ask(bob, 'GET', proposal)).body;
    assert.deepEqual(Object(would).campaign.notice, notice);
    const approved = await ask(bob, 'POST', `${proposal}/approve`);
    assert.equal(approved.status, 200, approved.text);
    const { body } = await ask(bob, 'GET', `/v1/campaigns/${id}`);
    assert.deepEqual([body.status, body.notice], ['cancelled', notice]);
  });

  it('is not approved by its proposer, by another token of that name, or by a role without the permission', async () => {
    const id = await coming();
    const proposal = await proposed(ada, 'POST', `/v1/campaigns/${id}/cancel`, {});
    assert.equal(slug(await ask(ada, 'POST', `${proposal}/approve`)), '403 own-proposal');
    assert.equal(slug(await ask(drawer, 'POST', `${proposal}/approve`)), '403 forbidden');
    assert.equal(slug(await ask(drawer, 'POST', `${proposal}/withdraw`)), '403 forbidden');
    const { body } = await system.operate('GET', '/v1/tokens');
    const tokens = body.tokens as readonly { readonly id: number; readonly name: string }[];
    const first = tokens.find(({ name }) => name === 'Ada')?.id;
    await system.operate('POST', `/v1/tokens/${first}/revoke`);
    ada = await system.operator('ADA', 'editor');
    assert.equal(slug(await ask(ada, 'POST', `${proposal}/approve`)), '403 own-proposal');
    await assert.rejects(
      system.pool.query(
        `update proposals set state = 'approved', decided_at = now(), decided_by = 'Ada' where campaign_id = $1`,
        [id],
      ),
      { code: '23514', constraint: 'proposals_two' },
    );
    assert.equal(await stateOf(id), 'scheduled');
  });

  it('is refused if the campaign has changed since, and once it has expired', async () => {
    const id = await coming();
    const proposal = await proposed(ada, 'POST', `/v1/campaigns/${id}/cancel`, {});
    assert.equal((await ask(ada, 'POST', `/v1/campaigns/${id}/pause`, {})).status, 200, 'never waits');
    assert.equal(slug(await ask(bob, 'POST', `${proposal}/approve`)), '412 precondition-failed');
    const late = await proposed(ada, 'POST', `/v1/campaigns/${id}/cancel`, {});
    await system.pool.query(
      `update proposals set proposed_at = now() - interval '2 s', expires_at = now() - interval '1 s'
        where proposal_id = $1`,
      [late.split('/').at(-1)],
    );
    assert.equal((await ask(bob, 'GET', late)).body.state, 'expired');
    assert.equal(slug(await ask(bob, 'POST', `${late}/approve`)), '409 proposal-over');
    assert.equal(await stateOf(id), 'paused');
  });

  it('is done once, however many approve it at the same moment on two engines', async () => {
    const approvers = [
      bob,
      cleo,
      await system.operator('Eve', 'editor'),
      await system.operator('Fay', 'owner'),
    ];
    for (const [what, body] of [
      ['cancel', {}],
      ['close', undefined],
      ['two-person', { required: false }],
    ] as const) {
      const id = await coming(what === 'close' ? { opens_at: undefined } : {});
      const method = what === 'two-person' ? 'PUT' : 'POST';
      const proposal = await proposed(ada, method, `/v1/campaigns/${id}/${what}`, body);
      const answers = await Promise.all(
        approvers.map((who, index) => ask(who, 'POST', `${proposal}/approve`, undefined, index % 2)),
      );
      assert.deepEqual(
        answers.map(slug).sort(),
        ['200 ', '409 proposal-over', '409 proposal-over', '409 proposal-over'],
        `${what}: ${answers.map(({ text }) => text)}`,
      );
      const acts = await actsOn(id);
      assert.equal(acts.length, 4, `${what}: ${acts}`);
    }
  });

  it('is either approved or withdrawn, never both', async () => {
    for (let round = 0; round < 8; round++) {
      const id = await coming();
      const proposal = await proposed(ada, 'POST', `/v1/campaigns/${id}/cancel`, {});
      const [approval, withdrawal] = await Promise.all([
        ask(bob, 'POST', `${proposal}/approve`, undefined, 0),
        ask(ada, 'POST', `${proposal}/withdraw`, undefined, 1),
      ]);
      const found = [slug(approval), slug(withdrawal)];
      const isApproved = approval.status === 200;
      assert.deepEqual(found, isApproved ? ['200 ', '409 proposal-over'] : ['409 proposal-over', '200 ']);
      assert.equal(await stateOf(id), isApproved ? 'cancelled' : 'scheduled');
    }
  });
});

describe('the rule', () => {
  it('is turned on by one operator and off by two', async () => {
    const id = await coming({ two_person: false });
    const rule = `/v1/campaigns/${id}/two-person`;
    assert.equal((await ask(ada, 'PUT', rule, { required: false })).status, 200, 'it is off');
    assert.equal((await ask(ada, 'PUT', rule, { required: true })).body.two_person, true);
    const off = await proposed(ada, 'PUT', rule, { required: false, reason: 'alone today' });
    assert.equal((await ask(ada, 'PATCH', `/v1/campaigns/${id}`, { stock: 7 })).status, 202);
    assert.equal((await ask(bob, 'POST', `${off}/approve`)).status, 200);
    assert.equal((await ask(ada, 'PATCH', `/v1/campaigns/${id}`, { stock: 7 })).status, 200);
  });

  it('that is turned on at the same moment is met by an act before it, or holds it', async () => {
    for (let round = 0; round < 8; round++) {
      const id = await coming({ two_person: false });
      const [cancelled, ruled] = await Promise.all([
        ask(ada, 'POST', `/v1/campaigns/${id}/cancel`, {}, 0),
        ask(bob, 'PUT', `/v1/campaigns/${id}/two-person`, { required: true }, 1),
      ]);
      assert.equal(ruled.status, 200, ruled.text);
      const state = await stateOf(id);
      if (cancelled.status !== 200) {
        assert.match(slug(cancelled), /^(202 |409 conflict|412 precondition-failed)$/, cancelled.text);
        assert.equal(state, 'scheduled', cancelled.text);
      } else assert.equal(state, 'cancelled');
    }
  });

  it('holds the announcement of a raffle, the terms of its entrants and its cancellation, and no other draft', async () => {
    const times = { opens_at: inHours(1), closes_at: inHours(2) };
    const raffle = { kind: 'raffle', title: 'A bicycle', winners: 1, ...times, two_person: true };
    const refused = await ask(ada, 'POST', '/v1/campaigns', raffle);
    assert.equal(slug(refused), '400 invalid-request');
    assert.match(refused.text, /"field":"draft"/);
    const id = await system.offer({ ...raffle, draft: true });
    const path = `/v1/campaigns/${id}`;
    assert.equal((await ask(ada, 'PATCH', path, { title: 'Two bicycles' })).status, 200, 'a draft is edited');
    const early = await proposed(drawer, 'PUT', `${path}/entrants`, { entrants: [{ user: 'ann' }] });
    assert.equal((await ask(cleo, 'POST', `${early}/approve`)).status, 200);
    const announced = await proposed(ada, 'POST', `${path}/announce`, {});
    assert.equal(await stateOf(id), 'draft');
    assert.equal((await ask(bob, 'POST', `${announced}/approve`)).status, 200);
    assert.equal(await stateOf(id), 'scheduled');
    const terms = await proposed(drawer, 'PUT', `${path}/entrants`, {
      entrants: [{ user: 'bob', tickets: 9 }],
    });
    assert.equal(
      slug(await ask(bob, 'POST', `${terms}/approve`)),
      '403 forbidden',
      'an editor draws nothing',
    );
    assert.equal((await ask(cleo, 'POST', `${terms}/approve`)).status, 200);
    const { body } = await ask(cleo, 'GET', `${path}/entrants`);
    assert.deepEqual(
      (body.entrants as readonly { user: string; tickets: number }[]).map(({ user, tickets }) => [
        user,
        tickets,
      ]),
      [
        ['ann', 1],
        ['bob', 9],
      ],
    );
    await proposed(ada, 'POST', `${path}/cancel`, {});
    const coupon = await coming({ draft: true });
    assert.equal((await ask(ada, 'POST', `/v1/campaigns/${coupon}/announce`, {})).status, 200);
  });

  it('holds the terms of the codes of an announced campaign, as they were when they were proposed', async () => {
    const percent = (basis_points: number) => ({ discount: 'percentage', basis_points });
    const id = await coming();
    const terms = { campaign: id, terms: percent(1_000), reason: 'ten off' };
    const made = await proposed(bob, 'POST', '/v1/coupons', terms);
    const { would, reason } = (await ask(cleo, 'GET', made)).body;
    assert.deepEqual(
      [Object(would).terms.basis_points, Object(would).version, reason],
      [1_000, 1, 'ten off'],
    );
    const twice = await proposed(bob, 'POST', '/v1/coupons', terms);
    assert.equal((await ask(cleo, 'POST', `${made}/approve`)).status, 200);
    assert.equal(slug(await ask(cleo, 'POST', `${twice}/approve`)), '409 conflict', 'there are terms now');
    const coupon = await couponOf(id);
    assert.equal(coupon.basisPoints, 1_000);

    const path = `/v1/coupons/${coupon.id}`;
    const generous = await proposed(bob, 'PUT', `${path}/terms`, percent(9_000));
    assert.equal((await couponOf(id)).basisPoints, 1_000);
    const restriction = { disabled: true, reason: 'on a page for bargains' };
    assert.equal((await ask(bob, 'PUT', `${path}/restriction`, restriction)).status, 200, 'never waits');
    assert.equal(slug(await ask(cleo, 'POST', `${generous}/approve`)), '412 precondition-failed');
    const again = await proposed(bob, 'PUT', `${path}/terms`, percent(9_000));
    assert.equal((await ask(cleo, 'POST', `${again}/approve`)).status, 200);
    assert.equal((await couponOf(id)).basisPoints, 9_000);
    const acts = (await listActs(system.pool, { after: 0, limit: 100_000 })).filter(
      ({ details, target }) => target === `coupon ${coupon.id}` || JSON.parse(details).campaign === id,
    );
    assert.deepEqual(
      acts.map(({ action, operator }) => `${action} by ${operator}`),
      [
        ...['approveProposal by Cleo', 'createCoupon by Bob', 'restrictCoupon by Bob'],
        ...['approveProposal by Cleo', 'replaceTerms by Bob'],
      ],
    );
  });

  it('holds no terms of a draft, nor of a code for anybody', async () => {
    const terms = { discount: 'percentage', basis_points: 1_000 };
    const id = await coming({ draft: true });
    assert.equal((await ask(ada, 'POST', '/v1/coupons', { campaign: id, terms })).status, 201);
    assert.equal((await ask(ada, 'POST', '/v1/coupons', { code: 'FOR-ANYBODY', terms })).status, 201);
    const path = `/v1/coupons/${(await couponOf(id)).id}/terms`;
    assert.equal((await ask(ada, 'PUT', path, terms)).status, 200);
    assert.equal((await ask(ada, 'POST', `/v1/campaigns/${id}/announce`, {})).status, 200);
    assert.equal((await ask(ada, 'PUT', path, terms)).status, 202);
  });

  it('that is turned on at the same moment holds terms, or comes after them', async () => {
    for (let round = 0; round < 8; round++) {
      const id = await coming({ two_person: false });
      const terms = { discount: 'percentage', basis_points: 1_000 };
      await ask(ada, 'POST', '/v1/coupons', { campaign: id, terms });
      const { id: couponId } = await couponOf(id);
      const [replaced, ruled] = await Promise.all([
        ask(ada, 'PUT', `/v1/coupons/${couponId}/terms`, { ...terms, basis_points: 9_000 }, 0),
        ask(bob, 'PUT', `/v1/campaigns/${id}/two-person`, { required: true }, 1),
      ]);
      assert.equal(ruled.status, 200, ruled.text);
      assert.match(slug(replaced), /^(200 |202 |409 conflict)$/, replaced.text);
      assert.equal((await couponOf(id)).basisPoints, replaced.status === 200 ? 9_000 : 1_000);
    }
  });
});

async function couponOf(campaignId: number): Promise<{ readonly id: number; readonly basisPoints: number }> {
  const { rows } = await system.pool.query<{ id: number; basisPoints: number }>(
    'select coupon_id as id, basis_points as "basisPoints" from coupons where campaign_id = $1',
    [campaignId],
  );
  assert.ok(rows[0] !== undefined);
  return rows[0];
}
