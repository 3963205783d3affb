/** The operator log over a real ledger: what leaves a row, and what the verifier finds in a ledger that was changed. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { pino } from 'pino';
import Type from 'typebox';
import { openPool } from '../../../../sql/database.ts';
import {
  type Act,
  insertAct,
  listActs,
  listLogHeads,
} from '../../../../sql/statements/operators/operator-log.ts';
import { KeyRing } from '../../../contract/keys/key-ring.ts';
import { newPrivateKey } from '../../../contract/keys/signing-keys.ts';
import { signLogHead } from '../../../operators/log-heads.ts';
import { nodePrimitives } from '../../../verify/node.ts';
import { codesOf, inPieces } from '../../../verify/testing/run.ts';
import { type Report, verify } from '../../../verify/verify.ts';
import { needs } from '../../contract/needs.ts';
import { type Operation, operations } from '../../contract/operations.ts';
import { type Answer, type Call, coupon, inMs, startApi, type TestApi } from '../../testing/api.ts';
import { freshCode, NEXT_PASSWORD, PASSWORD, type Person, person } from '../../testing/operators.ts';
import { settle } from '../../testing/settle.ts';

type Name = keyof typeof needs;
/** The operations that are acts: those that change something, and those that read about a person. */
type Acting = { [N in Name]: (typeof operations)[N]['method'] extends 'GET' ? never : N }[Name];

const MATCH = { headers: { 'if-match': '*' } };
const TERMS = { discount: 'percentage', basis_points: 1_000 };
const FAN = 'a-fan-of-whom-nobody-must-read';

let api: TestApi;
before(async () => {
  api = await startApi();
});
after(() => api.close());

/** A request that acts, ready to be sent. */
interface Ready {
  readonly on: TestApi;
  /** The name of who asks: OPERATOR_TOKEN's when absent. */
  readonly by?: string;
  /** `reason` stands in place of the one in its body. */
  readonly send: (query?: string, reason?: string) => Promise<Answer>;
  readonly end?: () => Promise<void>;
  /** The rows after its own. */
  readonly others?: readonly { readonly action: string; readonly operator: string }[];
}

function ready(method: string, path: string, call: Call = {}, on = api): Ready {
  const send: Ready['send'] = (query = '', reason) =>
    on.call(method, path + query, explainedBy(call, reason));
  return { on, send };
}

function explainedBy(call: Call, reason: string | undefined): Call {
  return reason === undefined ? call : { ...call, body: { ...Object(call.body), reason } };
}

const coming = (): Record<string, unknown> => ({ opens_at: inMs(3_600_000), closes_at: inMs(7_200_000) });
const again = (): Record<string, unknown> => ({ closes_at: inMs(3_600_000) });

async function onComing(what: string, wanted: object = {}): Promise<Ready> {
  const id = await api.create({ ...coming(), ...wanted });
  return ready('POST', `/v1/campaigns/${id}/${what}`, { ...MATCH, body: { reason: 'because' } });
}

async function acted(method: string, path: string, call: Call): Promise<Answer> {
  const answer = await api.call(method, path, call);
  assert.ok(answer.status < 300, answer.text);
  return answer;
}

async function makeTemplate(name: string): Promise<number> {
  const campaign = { kind: 'coupon', title: 'Friday', stock: 7 };
  return Number((await acted('POST', '/v1/templates', { body: { name, campaign } })).body.id);
}

async function makeCode(code: string): Promise<number> {
  return Number((await acted('POST', '/v1/coupons', { body: { code, terms: TERMS } })).body.id);
}

/** A raffle that the fan has won, with an alternate. */
async function drawnRaffle(): Promise<number> {
  const rules = { kind: 'raffle', stock: undefined, winners: 1, alternates: 1, closes_at: inMs(60_000) };
  const id = await api.create(rules);
  await api.pool.query(`insert into entries values ($1, $2, 1024), ($1, 'bob', 2048)`, [id, FAN]);
  await settle(api, id, (Date.now() + 60_000) * 1_000);
  return id;
}

/** A coupon that the fan has to claim. */
async function offeredCoupon(): Promise<number> {
  const id = await api.create({ stock: 1, waitlist: 1, claim_within_s: 3_600 });
  await api.pool.query(`insert into entries values ($1, $2, 1024), ($1, 'bob', 2048)`, [id, FAN]);
  const nowUs = Date.now() * 1_000 + 1_000_000;
  await settle(api, id, nowUs, { throughUs: nowUs, outageUs: 0 });
  return id;
}

/** The edit of a campaign that waits for a second operator. */
async function proposedEdit(): Promise<unknown> {
  const id = await api.create({ ...coming(), two_person: true });
  const call = { ...MATCH, body: { title: 'Two thirds' }, token: await api.tokenOf('Ada of two', 'editor') };
  const proposed = await api.call('PATCH', `/v1/campaigns/${id}`, call);
  assert.equal(proposed.status, 202, proposed.text);
  return proposed.body.id;
}

/** Another ledger, whose sessions show another time than Redis. */
async function withClocksApart(): Promise<Ready> {
  const set = await startApi();
  const { rows } = await set.pool.query('select current_database() as name');
  await set.pool.query(`
    create schema fake;
    create function fake.clock_timestamp() returns timestamptz language sql volatile as
      $$ select pg_catalog.clock_timestamp() - interval '120 s' $$;
    alter database ${rows[0].name} set search_path = fake, pg_catalog, public;`);
  const { connectionString } = set.pool.options;
  assert.ok(connectionString !== undefined);
  const pool = openPool(connectionString, { max: 2, applicationName: 'test', onError: () => undefined });
  const behind = await startApi({ pool });
  const trust = (ahead_ms: unknown, reason?: string): Promise<Answer> => {
    const body = { right: 'redis', ahead_of: 'postgres', ahead_ms };
    return behind.call('POST', '/v1/clocks/trust', explainedBy({ body }, reason));
  };
  return {
    on: { ...behind, pool },
    // On a busy machine the measured difference varies: each refusal names the present one.
    send: async (_query, reason) => {
      let answer = await trust(-120_000, reason);
      for (let tries = 0; answer.status === 409 && tries < 20; tries++)
        answer = await trust(answer.body.ahead_ms, reason);
      return answer;
    },
    end: async () => {
      await behind.close();
      await pool.end();
      await set.close();
    },
  };
}

/** Asked for by somebody with an account, in their session. */
function sentBy(she: Person, method: string, path: string, call: Call = {}): Ready {
  return { on: api, by: she.name, send: (query = '') => she.call(method, path + query, call) };
}

async function ofPerson(method: string, path: string): Promise<Ready> {
  return sentBy(await person(api), method, path);
}

/** Done to the account of a viewer. */
async function onPerson(method: string, what: string, call: Call = {}): Promise<Ready> {
  const { id } = await person(api, 'viewer');
  return ready(method, `/v1/operators/${id}${what}`, call);
}

/** Each prepares what its operation needs. A new operation needs one too. */
const scenarios: Readonly<Record<Acting, () => Promise<Ready>>> = {
  createCampaign: async () => ready('POST', '/v1/campaigns', { body: { ...coupon(), terms: TERMS } }),
  closeCampaign: async () => ready('POST', `/v1/campaigns/${await api.create()}/close`),
  editCampaign: async () => {
    const id = await api.create(coming());
    return ready('PATCH', `/v1/campaigns/${id}`, { ...MATCH, body: { title: 'Two thirds', reason: 'x' } });
  },
  announceCampaign: () => onComing('announce', { draft: true }),
  pauseCampaign: () => onComing('pause'),
  resumeCampaign: async () => {
    const id = await api.create(coming());
    await acted('POST', `/v1/campaigns/${id}/pause`, { ...MATCH, body: {} });
    return ready('POST', `/v1/campaigns/${id}/resume`, { ...MATCH, body: {} });
  },
  cancelCampaign: () => onComing('cancel'),
  raiseCampaign: async () => {
    const body = { stock: 20, reason: 'Twice as many' };
    return ready('POST', `/v1/campaigns/${await api.create()}/raise`, { ...MATCH, body });
  },
  archiveCampaign: async () => {
    const id = await api.create({ ...coming(), draft: true });
    await acted('POST', `/v1/campaigns/${id}/cancel`, { ...MATCH, body: {} });
    return ready('POST', `/v1/campaigns/${id}/archive`, { ...MATCH, body: {} });
  },
  duplicateCampaign: async () =>
    ready('POST', `/v1/campaigns/${await api.create()}/duplicate`, { body: again() }),
  createTemplate: async () => {
    const room = { kind: 'room', title: 'Sale', per_second: 0.5 };
    return ready('POST', '/v1/templates', { body: { name: 'Sales', campaign: room } });
  },
  useTemplate: async () =>
    ready('POST', `/v1/templates/${await makeTemplate('Used')}/campaigns`, { body: again() }),
  createCoupon: async () => ready('POST', '/v1/coupons', { body: { code: 'SECRET-CODE', terms: TERMS } }),
  replaceTerms: async () =>
    ready('PUT', `/v1/coupons/${await makeCode('OTHER')}/terms`, {
      ...MATCH,
      body: { ...TERMS, exclusive: true },
    }),
  restrictCoupon: async () =>
    ready('PUT', `/v1/coupons/${await makeCode('RESTRICTED')}/restriction`, {
      ...MATCH,
      body: { disabled: true, reason: 'Leaked' },
    }),
  createBlock: async () => ready('POST', '/v1/blocks', { body: { user: FAN, reason: 'A script' } }),
  liftBlock: async () => {
    const made = await acted('POST', '/v1/blocks', { body: { user: `${FAN}-2`, reason: 'A script' } });
    return ready('POST', `/v1/blocks/${made.body.id}/lift`, { body: { reason: 'A person' } });
  },
  findPeople: async () => ready('POST', '/v1/people/search', { body: { user: FAN } }),
  readPerson: async () => ready('POST', '/v1/people/account', { body: { user: FAN } }),
  listPersonCampaigns: async () => ready('POST', '/v1/people/campaigns', { body: { user: FAN } }),
  listPersonRedemptions: async () => ready('POST', '/v1/people/redemptions', { body: { user: FAN } }),
  setRoom: async () => {
    const id = await api.create({ kind: 'room', stock: undefined, per_second: 10 });
    return ready('PUT', `/v1/campaigns/${id}/room`, { ...MATCH, body: { per_second: 0.25, paused: true } });
  },
  setEntrants: async () => {
    const id = await api.create({ kind: 'raffle', stock: undefined, winners: 1 });
    const entrants = [
      { user: FAN, tickets: 3, group: 'table 1' },
      { user: 'bob', excluded: 'works here' },
    ];
    const body = { entrants };
    return ready('PUT', `/v1/campaigns/${id}/entrants`, { body });
  },
  passOn: async () => {
    const path = `/v1/campaigns/${await drawnRaffle()}/alternates/next`;
    return ready('POST', path, { body: { serial: 1, reason: 'did not answer' } });
  },
  extendOffer: async () => {
    const body = { serial: 1, holder: FAN, claim_by: inMs(7_200_000) };
    return ready('POST', `/v1/campaigns/${await offeredCoupon()}/deadlines`, { body });
  },
  trustClock: withClocksApart,
  logOut: async () => ofPerson('POST', '/v1/operator/logout'),
  endSession: async () => {
    const she = await person(api);
    const { body } = await she.call('GET', '/v1/operator');
    return sentBy(she, 'POST', `/v1/operator/sessions/${body.session}/end`);
  },
  changePassword: async () => {
    const she = await person(api);
    const body = { password: PASSWORD, code: await freshCode(api, she), new_password: NEXT_PASSWORD };
    return sentBy(she, 'POST', '/v1/operator/password', { body });
  },
  renewRecoveryCodes: async () => {
    const she = await person(api);
    const code = await freshCode(api, she);
    return sentBy(she, 'POST', '/v1/operator/recovery-codes', { body: { code } });
  },
  makeFirstOwnerLink: async () => {
    const on = await startApi();
    return { ...ready('POST', '/v1/operators/first-owner-link', {}, on), end: () => on.close() };
  },
  inviteOperator: async () => ready('POST', '/v1/operators', { body: { name: 'Invited', role: 'viewer' } }),
  inviteAgain: async () => onPerson('POST', '/link'),
  changeRole: async () => onPerson('PATCH', '', { ...MATCH, body: { role: 'drawer' } }),
  disableOperator: async () => onPerson('POST', '/disable', { body: { reason: 'has left' } }),
  enableOperator: async () => {
    const { id } = await person(api, 'viewer');
    await acted('POST', `/v1/operators/${id}/disable`, { body: {} });
    return ready('POST', `/v1/operators/${id}/enable`, { body: {} });
  },
  createToken: async () => ready('POST', '/v1/tokens', { body: { name: 'Ann', role: 'viewer' } }),
  revokeToken: async () => {
    const made = await acted('POST', '/v1/tokens', { body: { name: 'lost', role: 'owner' } });
    return ready('POST', `/v1/tokens/${made.body.id}/revoke`);
  },
  setTwoPerson: async () =>
    ready('PUT', `/v1/campaigns/${await api.create()}/two-person`, { body: { required: true } }),
  approveProposal: async () => {
    const proposal = await proposedEdit();
    // Beside its own row, that of what was proposed, under the name of who proposed it.
    const act = { action: 'editCampaign', operator: 'Ada of two' };
    return { ...ready('POST', `/v1/proposals/${proposal}/approve`), others: [act] };
  },
  withdrawProposal: async () => ready('POST', `/v1/proposals/${await proposedEdit()}/withdraw`),
  createShopToken: async () =>
    ready('POST', '/v1/shop-tokens', { body: { name: 'checkout', shop: 'cycles' } }),
  revokeShopToken: async () => {
    const made = await acted('POST', '/v1/shop-tokens', { body: { name: 'lost' } });
    return ready('POST', `/v1/shop-tokens/${made.body.id}/revoke`);
  },
};

async function rowsOf(on: TestApi) {
  return await listActs(on.pool, { after: 0, limit: 10_000 });
}

function mayHaveReason(name: string): boolean {
  const { body }: Operation = operations[name as Acting];
  return Type.IsObject(body) && 'reason' in body.properties;
}

const acting = (Object.keys(needs) as Name[]).filter(name => operations[name].method !== 'GET');

describe('an act', () => {
  it('is every operation that needs more than reading, but for lists of tokens, accounts and sessions', () => {
    assert.deepEqual(
      acting.filter(name => needs[name] === 'read'),
      [],
    );
    const readers = (Object.keys(needs) as Name[]).filter(
      name => needs[name] !== 'read' && !acting.includes(name),
    );
    assert.deepEqual(readers.sort(), [
      ...['getAccount', 'getOperator', 'getShopToken', 'getToken'],
      ...['listOperators', 'listSessions', 'listShopTokens', 'listTokens'],
    ]);
    assert.deepEqual(Object.keys(scenarios).sort(), [...acting].sort());
  });

  for (const [name, prepare] of Object.entries(scenarios)) {
    it(`${name} leaves its row, with the reason, and as a dry run none`, async () => {
      const { on, by = 'operator', send, end, others = [] } = await prepare();
      try {
        const earlier = await rowsOf(on);
        const operation: Operation = operations[name as Acting];
        if (operation.query !== undefined && 'dryRun' in operation.query.properties) {
          const dried = await send('?dryRun=true');
          assert.equal(dried.body.dry_run, true, dried.text);
          assert.equal((await rowsOf(on)).length, earlier.length, 'a dry run leaves none');
        }
        const reason = mayHaveReason(name) ? `Because of ${name}` : undefined;
        const done = await send('', reason);
        assert.ok(done.status < 300, done.text);
        const rows = (await rowsOf(on)).slice(earlier.length);
        const further = rows.splice(1).map(({ action, operator }) => ({ action, operator }));
        assert.deepEqual(further, others);
        assert.deepEqual(
          rows.map(({ action, operator, role, tokenId }) => ({ action, operator, role, tokenId })),
          [{ action: name, operator: by, role: 'owner', tokenId: null }],
        );
        assert.deepEqual([rows[0]?.seq, rows[0]?.reason], [earlier.length + 1, reason ?? null]);
      } finally {
        await end?.();
      }
    });
  }

  it('is under the name, role and token of who asked', async () => {
    const token = await api.tokenOf('Ada', 'editor');
    const { body: ada } = await api.call('GET', '/v1/operator', { token });
    const made = await api.call('POST', '/v1/campaigns', { body: coupon(), token });
    const row = (await rowsOf(api)).at(-1);
    assert.deepEqual(
      [row?.operator, row?.role, row?.tokenId, row?.target],
      ['Ada', 'editor', ada.token, `campaign ${made.body.id}`],
    );
  });

  it('says what was changed, and why', async () => {
    const id = await api.create({ ...coming(), title: 'Half price' });
    const reason = 'The price is wrong';
    await acted('PATCH', `/v1/campaigns/${id}`, { ...MATCH, body: { title: 'A third', stock: 7, reason } });
    const row = (await rowsOf(api)).at(-1);
    const { from, to, version } = JSON.parse(row?.details ?? '');
    const { rules_hash: was, ...before } = from;
    const { rules_hash: is, ...now } = to;
    assert.deepEqual(
      [before, now],
      [
        { stock: 10, title: 'Half price' },
        { stock: 7, title: 'A third' },
      ],
    );
    assert.equal(version, 2);
    assert.notEqual(was, is);
    assert.equal(row?.reason, reason);
  });

  it('has a reason if it changes what fans get, a block, the clock, or who may do what', () => {
    assert.deepEqual(acting.filter(mayHaveReason).sort(), [
      ...['announceCampaign', 'archiveCampaign', 'cancelCampaign', 'closeCampaign', 'createBlock'],
      ...['createCoupon', 'disableOperator', 'editCampaign', 'enableOperator', 'extendOffer', 'liftBlock'],
      ...['passOn', 'pauseCampaign', 'raiseCampaign', 'replaceTerms', 'restrictCoupon', 'resumeCampaign'],
      ...['setEntrants', 'setRoom', 'setTwoPerson', 'trustClock'],
    ]);
  });

  it('that changes nothing or is refused leaves no row', async () => {
    const id = await api.create({ kind: 'room', stock: undefined, per_second: 10 });
    const made = await acted('POST', '/v1/tokens', { body: { name: 'twice', role: 'viewer' } });
    const revoke = `/v1/tokens/${made.body.id}/revoke`;
    await acted('POST', revoke, {});
    await makeTemplate('Once');
    const couponId = await makeCode('STALE');
    const earlier = (await rowsOf(api)).length;
    const refusals = [
      ['POST', revoke, {}, 200],
      ['POST', '/v1/tokens', { body: { name: 'operator', role: 'viewer' } }, 409],
      [
        'POST',
        '/v1/templates',
        { body: { name: 'Once', campaign: { kind: 'coupon', title: 'x', stock: 1 } } },
        409,
      ],
      ['PUT', `/v1/campaigns/${id}/room`, { headers: { 'if-match': '"9"' }, body: { per_second: 1 } }, 412],
      ['PUT', `/v1/coupons/${couponId}/terms`, { headers: { 'if-match': '"9"' }, body: TERMS }, 412],
      ['POST', '/v1/coupons', { body: { campaign: id, terms: TERMS } }, 409],
      ['POST', '/v1/coupons', { body: { code: 'OTHER', terms: TERMS } }, 409],
      ['PUT', `/v1/campaigns/${id}/entrants`, { body: { entrants: [{ user: FAN }] } }, 409],
      ['POST', `/v1/campaigns/${id}/resume`, { ...MATCH, body: {} }, 409],
      ['POST', '/v1/clocks/trust', { body: { right: 'redis', ahead_of: 'engine', ahead_ms: 9 } }, 409],
    ] as const;
    for (const [method, path, call, status] of refusals) {
      const answer = await api.call(method, path, call);
      assert.equal(answer.status, status, `${path}: ${answer.text}`);
    }
    assert.equal((await rowsOf(api)).length, earlier);
  });

  it('names no fan, no code and no token', async () => {
    const token = await api.tokenOf('Grace');
    await acted('POST', '/v1/campaigns', { body: coupon(), token });
    const { rows } = await api.pool.query<{ text: string }>('select l::text as text from operator_log l');
    assert.ok(rows.length > acting.length);
    for (const { text } of rows) {
      for (const secret of [FAN, 'bob', 'SECRET-CODE', token, token.slice(9), api.deps.token]) {
        assert.ok(!text.includes(secret), text);
      }
    }
  });
});

describe('the log', () => {
  it('has a chain over acts at the same time, without gaps where one was rolled back', async () => {
    const earlier = (await rowsOf(api)).length;
    const tokens = await Promise.all(['Ann', 'Bob', 'Cleo'].map(name => api.tokenOf(`${name} at once`)));
    const act: Act = {
      ...{ operator: 'x', tokenId: null, role: 'owner', action: 'x', target: 'x', reason: null },
      details: '{}',
    };
    const rollBack = async (): Promise<void> => {
      const client = await api.pool.connect();
      await client.query('begin');
      await insertAct(client, act);
      await client.query('rollback');
      client.release();
    };
    const work = Array.from({ length: 24 }, (_, index) =>
      index % 6 === 5
        ? rollBack()
        : acted('POST', '/v1/campaigns', { body: coupon(), token: tokens[index % 3] }),
    );
    await Promise.all(work);
    const rows = await rowsOf(api);
    assert.equal(rows.length, earlier + 3 + 20);
    assert.deepEqual(
      rows.map(({ seq }) => seq),
      rows.map((_, index) => index + 1),
    );
    const report = await verified();
    assert.deepEqual(report.findings, []);
    assert.deepEqual(report.facts.operatorLog, {
      ...{ acts: rows.length, heads: 0, coveredTo: 0, hasHeadOfBook: false },
    });
  });

  it('is read by any role, a page at a time, and exported as a whole', async () => {
    const token = await api.tokenOf('a viewer of acts', 'viewer');
    const all = await rowsOf(api);
    const seen: number[] = [];
    for (let after: number | null = 0; after !== null; ) {
      const page = await api.call('GET', `/v1/operator-log?after=${after}&limit=9`, { token });
      assert.equal(page.status, 200, page.text);
      const { acts, next } = page.body as { acts: { seq: number }[]; next: number | null };
      seen.push(...acts.map(({ seq }) => seq));
      after = next;
    }
    assert.deepEqual(
      seen,
      all.map(({ seq }) => seq),
    );
    const exported = await api.call('GET', '/v1/operator-log.ndjson', { token });
    assert.equal(exported.mediaType, 'application/x-ndjson');
    const lines = exported.text.trimEnd().split('\n');
    assert.equal(lines.flatMap(line => JSON.parse(line).acts).length, all.length);
  });

  it('cannot be changed, not even by the role that owns it', async () => {
    for (const change of [
      `update operator_log set reason = 'x' where seq = 1`,
      'delete from operator_log where seq = 1',
      'truncate operator_log',
      'update operator_log_head set seq = 0',
      'delete from operator_log_head',
      'truncate operator_log_head',
      `insert into operator_log_head (one_row, seq, hash) values (true, 0, '')`,
      'delete from operator_log_heads',
      'truncate operator_log_heads',
    ]) {
      await assert.rejects(
        api.pool.query(change),
        { code: '23514', constraint: 'operator_log_keep' },
        change,
      );
    }
  });
});

const signingKey = newPrivateKey();
const silent = pino({ level: 'silent' });
const keys = new KeyRing({ SIGNING_KEYS_DIR: '', SIGNING_KEY: signingKey }, silent);

async function signHead(everyMs: number, ring: Pick<KeyRing, 'keyAt'> = keys): Promise<void> {
  await signLogHead({ pool: api.pool, keys: ring, log: silent, everyMs });
}

async function exportedLog(): Promise<Buffer> {
  const exported = await api.call('GET', '/v1/operator-log.ndjson');
  assert.equal(exported.status, 200, exported.text);
  return Buffer.from(exported.text);
}

async function verified(log?: Buffer): Promise<Report> {
  return await verify({
    primitives: nodePrimitives,
    log: inPieces(log ?? (await exportedLog())),
    keys: Buffer.from(JSON.stringify({ keys: keys.publicKeys() })),
  });
}

describe('a signed head', () => {
  it('waits for a key, is signed once by one of several engines, and not again until somebody acts', async () => {
    await signHead(0, { keyAt: () => undefined });
    assert.deepEqual(await listLogHeads(api.pool, { after: 0, limit: 9 }), []);
    await Promise.all([signHead(0), signHead(0), signHead(0)]);
    await signHead(0);
    const last = (await rowsOf(api)).length;
    const heads = await listLogHeads(api.pool, { after: 0, limit: 9 });
    assert.deepEqual(
      heads.map(({ seq }) => seq),
      [last],
    );
    await api.create();
    await signHead(60_000);
    assert.equal(
      (await listLogHeads(api.pool, { after: last, limit: 9 })).length,
      0,
      'less than a minute ago',
    );
    await signHead(0);
    assert.equal((await listLogHeads(api.pool, { after: last, limit: 9 })).length, 1);
    const report = await verified();
    assert.deepEqual(report.findings, []);
    assert.match(report.checked.join('\n'), /2 of its heads, signed by a known key, are over the same acts/);
  });
});

describe('a ledger that was changed by SQL', () => {
  /** What a superuser does to the log, with its triggers off; `last` is the last row, which a head covers. */
  const rehashFrom = (seq: number): string => `
    do $$
    declare
      acted operator_log;
      before bytea := (select hash from operator_log where seq = ${seq} - 1);
    begin
      for acted in select * from operator_log where seq >= ${seq} order by seq loop
        acted.hash := operator_log_hash(before, acted);
        update operator_log set hash = acted.hash where seq = acted.seq;
        before := acted.hash;
      end loop;
    end $$;`;
  const columns = 'at, operator, token_id, role, action, target, reason, details';
  const cases: readonly (readonly [what: string, sql: string, code: string, names: RegExp])[] = [
    ['an update', `update operator_log set reason = 'another' where seq = 5`, 'log-row', /act 5 /],
    [
      'an update of who did it',
      `update operator_log set operator = 'Mallory' where seq = 6`,
      'log-row',
      /act 6 /,
    ],
    [
      'an update, hashed again up to the end',
      `update operator_log set details = '{"x":1}' where seq = 7; ${rehashFrom(7)}`,
      'log-head',
      /one of the acts 1 to \d+ was changed/,
    ],
    ['a delete', 'delete from operator_log where seq = 8', 'log-order', /act 8 is missing/],
    [
      'a delete, numbered and hashed again',
      `delete from operator_log where seq = 8;
       update operator_log set seq = -seq where seq > 8;
       update operator_log set seq = -seq - 1 where seq < 0; ${rehashFrom(8)}`,
      'log-cut',
      /cut off/,
    ],
    [
      'an insert, with the rest numbered and hashed again',
      `update operator_log set seq = -seq where seq > 8;
       update operator_log set seq = -seq + 1 where seq < 0;
       insert into operator_log select 9, ${columns}, hash from operator_log where seq = 3; ${rehashFrom(9)}`,
      'log-head',
      /was changed, or put in the place of another/,
    ],
    [
      'two rows that change places',
      `update operator_log set seq = -4 where seq = 4; update operator_log set seq = 4 where seq = 5;
       update operator_log set seq = 5 where seq = -4`,
      'log-row',
      /act 4 /,
    ],
    [
      'the tail cut behind a signed head',
      `delete from operator_log where seq > 10;
       update operator_log_head set seq = 10, hash = (select hash from operator_log where seq = 10)`,
      'log-cut',
      /the log ends with act 10: acts 11 to \d+ were cut off/,
    ],
    [
      'a head over other rows',
      `update operator_log_heads set hash = (select hash from operator_log where seq = 2)`,
      'log-signature',
      /is invalid/,
    ],
  ];

  it('is found, with the number of the act', async () => {
    await api.pool.query('create table saved as table operator_log');
    await api.pool.query('create table saved_heads as table operator_log_heads');
    const run = async (sql: string): Promise<void> => {
      const client = await api.pool.connect();
      await client.query(`set session_replication_role = replica; ${sql}; reset session_replication_role`);
      client.release();
    };
    for (const [what, sql, code, names] of cases) {
      assert.deepEqual((await verified()).findings, [], `before ${what}`);
      await run(sql);
      const report = await verified();
      assert.ok(codesOf(report).includes(code), `${what}: ${code} is not among ${codesOf(report)}`);
      const found = report.findings.filter(finding => finding.code === code);
      assert.match(found.map(({ message }) => message).join('\n'), names, what);
      await run(`delete from operator_log; insert into operator_log table saved;
        delete from operator_log_heads; insert into operator_log_heads table saved_heads`);
    }
    // The last case has changed the head of the chain.
    await run(
      `update operator_log_head set (seq, hash) = (select seq, hash from saved order by seq desc limit 1)`,
    );
    await api.create();
    assert.deepEqual((await verified()).findings, []);
  });
});
