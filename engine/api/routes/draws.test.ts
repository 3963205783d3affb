import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Answer, inMs, startApi, type TestApi } from '../testing/api.ts';
import { settle } from '../testing/settle.ts';

let api: TestApi;
before(async () => {
  api = await startApi();
});
after(() => api.close());

async function raffle(more: Readonly<Record<string, unknown>> = {}): Promise<number> {
  const body = { kind: 'raffle', title: 'A bicycle', winners: 2, closes_at: inMs(60_000), ...more };
  const answer = await api.call('POST', '/v1/campaigns', { body });
  assert.equal(answer.status, 201, answer.text);
  return Number(answer.body.id);
}

function put(id: number, entrants: unknown): Promise<Answer> {
  return api.call('PUT', `/v1/campaigns/${id}/entrants`, { body: { entrants } });
}

/** Enters user-1 to user-<count>, and draws. */
async function draw(id: number, count: number): Promise<void> {
  await api.pool.query(
    `insert into entries select $1, 'user-' || n, n * 1024 from generate_series(1, $2::integer) n`,
    [id, count],
  );
  await settle(api, id, (Date.now() + 60_000) * 1000);
}

async function grants(id: number): Promise<Record<string, { user: string; code: string; tier: number }>> {
  const { rows } = await api.pool.query(
    'select serial, user_id as "user", code, tier from grants where campaign_id = $1',
    [id],
  );
  return Object.fromEntries(rows.map(({ serial, ...grant }) => [serial, grant]));
}

async function alternates(id: number): Promise<string[]> {
  const { rows } = await api.pool.query(
    'select user_id from alternates where campaign_id = $1 order by waitlist_position',
    [id],
  );
  return rows.map(row => row.user_id);
}

describe('entrant terms', () => {
  it('can be set, replaced and listed by page, in byte order of the ids', async () => {
    const id = await raffle();
    const first = await put(id, [
      { user: 'zoë', tickets: 3, group: 'table 1', excluded: 'staff' },
      { user: 'Bob' },
      { user: 'ann', tickets: 1_000 },
    ]);
    assert.deepEqual([first.status, first.body], [200, { entrants: 3 }]);
    assert.equal((await put(id, [{ user: 'zoë', group: 'Tisch 2 – 🎟' }])).status, 200);
    const listed: unknown[] = [];
    for (let query = '?limit=2'; ; ) {
      const { body } = await api.call('GET', `/v1/campaigns/${id}/entrants${query}`);
      assert.ok(Array.isArray(body.entrants) && body.entrants.length <= 2);
      listed.push(...body.entrants);
      if (body.next === null) break;
      query = `?limit=2&after=${encodeURIComponent(String(body.next))}`;
    }
    assert.deepEqual(listed, [
      { user: 'Bob', tickets: 1, group: null, excluded: null },
      { user: 'ann', tickets: 1_000, group: null, excluded: null },
      { user: 'zoë', tickets: 1, group: 'Tisch 2 – 🎟', excluded: null },
    ]);
  });

  it('accept as many entrants as a call may have, with the longest values', async () => {
    const id = await raffle();
    const longest = Array.from({ length: 1_000 }, (_, index) => ({
      user: String(index).padEnd(128, 'x'),
      tickets: 1_000,
      group: 'é'.repeat(100),
      excluded: '🎟'.repeat(100),
    }));
    const answer = await put(id, longest);
    assert.equal(answer.status, 200, answer.text);
  });

  const wrong: readonly [what: string, entrants: unknown, field: string, expected: RegExp][] = [
    ['an object', { user: 'ann' }, 'entrants', /a JSON array of 1 to 1000 objects/],
    ['nothing', [], 'entrants', /a JSON array/],
    [
      'too many',
      Array.from({ length: 1_001 }, (_, index) => ({ user: `u${index}` })),
      'entrants',
      /a JSON array/,
    ],
    ['a text', ['ann'], 'entrants[0]', /a JSON object/],
    ['a list', [[{ user: 'ann' }]], 'entrants[0]', /a JSON object/],
    ['null', [null], 'entrants[0]', /a JSON object/],
    ['no user', [{ user: 'ann' }, {}], 'entrants[1].user', /a user id of 1 to 128 bytes/],
    ['an empty user', [{ user: '' }], 'entrants[0].user', /a user id/],
    ['a user of too many bytes', [{ user: 'é'.repeat(65) }], 'entrants[0].user', /a user id/],
    ['a user with U+0000', [{ user: 'a\u0000b' }], 'entrants[0].user', /a user id/],
    ['a user with a lone surrogate', [{ user: 'a\ud83d' }], 'entrants[0].user', /a user id/],
    ['a user twice', [{ user: 'ann' }, { user: 'ann' }], 'entrants[1].user', /not yet in the list/],
    ['no ticket', [{ user: 'ann', tickets: 0 }], 'entrants[0].tickets', /a whole number from 1 to 1000/],
    [
      'too many tickets',
      [{ user: 'ann', tickets: 1_001 }],
      'entrants[0].tickets',
      /a whole number from 1 to 1000/,
    ],
    [
      'a fractional ticket',
      [{ user: 'ann', tickets: 1.5 }],
      'entrants[0].tickets',
      /a whole number from 1 to 1000/,
    ],
    ['an empty group', [{ user: 'ann', group: '' }], 'entrants[0].group', /text of 1 to 100 characters/],
    [
      'a long reason',
      [{ user: 'ann', excluded: 'x'.repeat(201) }],
      'entrants[0].excluded',
      /text of 1 to 200/,
    ],
    ['an invalid reason', [{ user: 'ann', excluded: true }], 'entrants[0].excluded', /text of 1 to 200/],
    ['an unknown member', [{ user: 'ann', ticket: 2 }], 'entrants[0].ticket', /a known member: user/],
  ];
  for (const [what, entrants, field, expected] of wrong) {
    it(`refuses ${what}`, async () => {
      const answer = await put(1, entrants);
      assert.equal(answer.status, 400, answer.text);
      const [fault] = answer.body.errors as { field: string; expected: string; value?: string }[];
      assert.equal(fault?.field, field);
      assert.match(fault?.expected ?? '', expected);
      assert.ok((fault?.value ?? '').length <= 60);
    });
  }

  it('are in an object, beside the reason for them', async () => {
    const bodies = [
      [[{ user: 'ann' }], 'body', 'a JSON object with the members entrants, reason'],
      [{ reason: 'a family' }, 'entrants', 'a JSON array of 1 to 1000 objects'],
      [{ entrants: [{ user: 'ann' }], reason: '' }, 'reason', 'text of 1 to 200 characters'],
      [{ entrants: [{ user: 'ann' }], why: 'x' }, 'why', 'a known member: entrants, reason'],
    ] as const;
    for (const [body, field, expected] of bodies) {
      const answer = await api.call('PUT', '/v1/campaigns/1/entrants', { body });
      assert.equal(answer.status, 400, answer.text);
      const [fault] = answer.body.errors as { field: string; expected: string }[];
      assert.equal(fault?.field, field);
      assert.ok(fault?.expected.startsWith(expected), fault?.expected);
    }
  });

  it('report a limited number of faults', async () => {
    const answer = await put(
      1,
      Array.from({ length: 1_000 }, () => ({ user: 7, tickets: 'x' })),
    );
    assert.equal((answer.body.errors as unknown[]).length, 20);
  });

  it('are refused after the close, also by the ledger', async () => {
    const id = await raffle();
    assert.equal((await put(id, [{ user: 'user-1', tickets: 2 }])).status, 200);
    await draw(id, 3);
    const late = await put(id, [{ user: 'user-2' }]);
    assert.equal(late.status, 409);
    assert.equal(late.body.type, 'urn:fairline:problem:conflict');
    assert.match(String(late.body.detail), /is closed/);
    for (const change of [
      `insert into entrant_terms values ($1, 'user-2', 5, null, null)`,
      'update entrant_terms set tickets = 9 where campaign_id = $1',
      'delete from entrant_terms where campaign_id = $1',
    ]) {
      await assert.rejects(api.pool.query(change, [id]), { constraint: 'entrant_terms_frozen' });
    }
  });
});

describe('reassigning a prize', () => {
  function pass(id: number, body: Readonly<Record<string, unknown>>): Promise<Answer> {
    return api.call('POST', `/v1/campaigns/${id}/alternates/next`, {
      body: { reason: 'did not answer', ...body },
    });
  }

  it('gives it to the next alternate once, with its serial and tier and a new code', async () => {
    const tiers = [
      { name: 'first prize', winners: 1 },
      { name: 'second prize', winners: 2 },
    ];
    const id = await raffle({ winners: undefined, tiers, alternates: 3 });
    await draw(id, 20);
    const before = await grants(id);
    const [first, second, third] = await alternates(id);
    const answer = await pass(id, { serial: 2 });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(answer.body, {
      serial: 2,
      tier: 1,
      alternate: 1,
      user: first,
      passed_from: before[2]?.user,
    });
    const after = await grants(id);
    assert.deepEqual([after[1], after[3]], [before[1], before[3]]);
    assert.deepEqual([after[2]?.user, after[2]?.tier], [first, 1]);
    assert.notEqual(after[2]?.code, before[2]?.code);
    // The same call again, as after a lost answer.
    const again = await pass(id, { serial: 2 });
    assert.equal(again.status, 409);
    assert.equal(again.body.holder, first);
    const wrong = await pass(id, { serial: 2, holder: before[2]?.user });
    assert.deepEqual([wrong.status, wrong.body.holder], [409, first]);
    assert.deepEqual(await grants(id), after);
    // The new holder does not claim it either.
    assert.equal((await pass(id, { serial: 2, holder: first })).body.user, second);
    assert.equal((await pass(id, { serial: 1, holder: before[1]?.user })).body.user, third);
    const none = await pass(id, { serial: 3 });
    assert.equal(none.status, 409);
    assert.match(String(none.body.detail), /has no alternate left/);
    assert.equal((await api.call('GET', `/v1/campaigns/${id}`)).body.passed_on, 3);
    const { rows } = await api.pool.query(
      'select waitlist_position, serial, user_id, reason from passed_on where campaign_id = $1 order by waitlist_position',
      [id],
    );
    assert.deepEqual(rows, [
      { waitlist_position: 1, serial: 2, user_id: before[2]?.user, reason: 'did not answer' },
      { waitlist_position: 2, serial: 2, user_id: first, reason: 'did not answer' },
      { waitlist_position: 3, serial: 1, user_id: before[1]?.user, reason: 'did not answer' },
    ]);
  });

  it('gives each alternate one prize under concurrent requests', async () => {
    const id = await raffle({ winners: 8, alternates: 5 });
    await draw(id, 30);
    const serials = [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8];
    const answers = await Promise.all(serials.map(serial => pass(id, { serial })));
    const passed = answers.filter(({ status }) => status === 200);
    assert.deepEqual(passed.map(({ body }) => body.user).sort(), (await alternates(id)).sort());
    assert.equal(new Set(passed.map(({ body }) => body.serial)).size, 5);
    assert.equal(new Set(Object.values(await grants(id)).map(({ user }) => user)).size, 8);
  });

  it('changes no drawn row, which the ledger enforces', async () => {
    const id = await raffle({ alternates: 1 });
    await draw(id, 5);
    await pass(id, { serial: 1 });
    for (const table of ['alternates', 'passed_on', 'draw_proofs']) {
      for (const change of [`delete from ${table}`, `update ${table} set campaign_id = campaign_id`]) {
        await assert.rejects(api.pool.query(`${change} where campaign_id = $1`, [id]), {
          constraint: 'drawn_keep',
        });
      }
    }
  });

  it('is refused before a draw and for a serial without a winner', async () => {
    const open = await raffle({ alternates: 1 });
    assert.equal((await pass(open, { serial: 1 })).status, 409);
    assert.equal((await pass(await api.create(), { serial: 1 })).status, 409);
    await draw(open, 5);
    assert.match(String((await pass(open, { serial: 3 })).body.detail), /has no winner with serial 3/);
    assert.equal((await pass(open, { serial: 0 })).status, 400);
    assert.equal((await pass(open, { serial: 1, reason: '' })).status, 400);
  });
});

describe("the draw's proof", () => {
  it('is complete as soon as the draw is', async () => {
    const id = await raffle({ winners: 6_500, alternates: 1_500 });
    const path = `/v1/campaigns/${id}/proof`;
    const early = await api.call('GET', path);
    assert.deepEqual([early.status, early.body.type], [404, 'urn:fairline:problem:no-proof']);
    await draw(id, 9_000);
    const answer = await api.call('GET', path);
    assert.deepEqual([answer.status, answer.mediaType], [200, 'application/json']);
    const { winners, alternates: others, rules } = answer.body as Record<string, { serial?: number }[]>;
    assert.deepEqual(
      winners?.map(({ serial }) => serial),
      Array.from({ length: 6_500 }, (_, index) => index + 1),
    );
    assert.equal(others?.length, 1_500);
    assert.equal(Reflect.get(rules ?? {}, 'campaign'), id);
  });
});
