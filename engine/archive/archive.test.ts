/** Campaigns go into files and come back, on a whole service; at each statement the work may be broken off. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import type { Pool } from '../../sql/database.ts';
import { programArguments } from '../test/program.ts';
import { availableLogs, eventually } from '../test/support.ts';
import { type Answer, type System, startSystem } from '../test/system.ts';
import { archiveCampaign, fileNameOf, NotArchivable, rehearseArchive } from './archive.ts';
import { BadArchive, checkFile } from './format.ts';
import { restoreCampaign } from './restore.ts';

const USERS = Array.from({ length: 30 }, (_, index) => `user-${index}`);
const STOCK = 3;
/** How long what is granted may be used: until after the test has done so. */
const VALID_MS = 20_000;
const LIMIT_MS = 60_000;
const TABLES = [
  ...[
    'campaigns',
    'entries',
    'slices',
    'grants',
    'alternates',
    'withdrawals',
    'rank_marks',
    'archives',
    'books',
  ],
  ...['redemptions', 'redemption_uses', 'refunds', 'shop_requests', 'coupons'],
];

let system: System;
let directory = '';
let coupon = 0;
let raffle = 0;
let whole = '';
const told = new Map<string, string>();

const me = (id: number): string => `/v1/campaigns/${id}/entries/me`;
const fileOf = (id: number): string => join(directory, fileNameOf(id));
const terms = () => ({ directory, keepsRedemptions: false });

/** Every row of every table, as text. */
async function dump(): Promise<string> {
  const parts: string[] = [];
  for (const table of TABLES) {
    const { rows } = await system.pool.query<{ row: string }>(
      `select row_to_json(t)::text as row from ${table} t order by 1`,
    );
    parts.push(`${table}\n${rows.map(({ row }) => row).join('\n')}`);
  }
  return parts.join('\n\n');
}

async function countOf(what: string, id: number): Promise<number> {
  const { rows } = await system.pool.query<{ count: number }>(`select count(*) as count from ${what}`, [id]);
  return Number(rows[0]?.count);
}

async function isShelved(id: number): Promise<boolean> {
  const text = 'campaigns where campaign_id = $1 and shelved_at is not null';
  return (await countOf(text, id)) === 1;
}

const shop = (path: string, body: object): Promise<Answer> =>
  system.shop('POST', path, {
    body: JSON.stringify(body),
    headers: { 'idempotency-key': randomUUID() },
  });

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fairline-archive-'));
  const log = availableLogs().includes('kafka') ? 'kafka' : 'redis';
  system = await startSystem({ log, engineEnv: { SHELVE_AFTER_S: '1' } });
  const valid_until = new Date(Date.now() + VALID_MS).toISOString();
  const discount = { discount: 'percentage', basis_points: 1_000, valid_until };
  coupon = await system.offer({ kind: 'coupon', stock: STOCK, terms: discount });
  raffle = await system.offer({ kind: 'raffle', winners: 2, alternates: 1 });
  await Promise.all(USERS.flatMap(user => [system.enter(user, coupon), system.enter(user, raffle)]));
  const granted = await eventually(async () => {
    for (const user of USERS) {
      const { body } = await system.ask(user, 'GET', me(coupon));
      if (body.outcome === 'granted') return { user, code: body.code };
    }
    return undefined;
  });
  const lines = [{ product: 'shoe', quantity: 2, unit_amount: 5_000 }];
  const basket = { user: granted.user, currency: 'EUR', codes: [granted.code], lines };
  const redeemed = await shop('/v1/redemptions', basket);
  assert.equal(redeemed.status, 201, redeemed.text);
  const refund = { lines: [{ line: 1, quantity: 1 }] };
  const refunded = await shop(`/v1/redemptions/${redeemed.body.id}/refunds`, refund);
  assert.equal(refunded.status, 201, refunded.text);
  for (const id of [coupon, raffle])
    assert.equal((await system.operate('POST', `/v1/campaigns/${id}/close`, {})).status, 200);
});
after(async () => {
  await system.close();
  await rm(directory, { recursive: true });
});

test('nothing leaves that is not over, has no book, is in Redis, or may still be used', async () => {
  await assert.rejects(archiveCampaign(system.pool, coupon, terms()), NotArchivable);
  await assert.rejects(archiveCampaign(system.pool, 999, terms()), NotArchivable);
  for (const id of [coupon, raffle]) await eventually(() => isShelved(id), { timeoutMs: LIMIT_MS });
  await eventually(
    async () => {
      const { rows } = await system.pool.query('select from coupons where valid_until < now()');
      return rows.length === 1;
    },
    { timeoutMs: LIMIT_MS },
  );
  const counts = await rehearseArchive(system.pool, coupon, false);
  assert.deepEqual(
    { ...counts, slices: 0 },
    {
      ...{ entries: USERS.length - STOCK, slices: 0, redemptions: 1, redemption_uses: 1, refunds: 1 },
      shop_requests: 2,
    },
  );
  assert.ok(counts.slices > 0);
  whole = await dump();
  for (const id of [coupon, raffle]) {
    for (const user of USERS) told.set(`${id} ${user}`, (await system.ask(user, 'GET', me(id))).text);
  }
});

test('who stays is told what they were told, others where they are; slices stay for who needs them', async () => {
  const totals = (await system.operate('GET', `/v1/campaigns/${coupon}/totals`)).text;
  const first = await archiveCampaign(system.pool, coupon, terms());
  assert.ok(first.slicesKept > 0, 'the raffle is in them');
  for (const user of USERS) {
    const { status, text, body } = await system.ask(user, 'GET', me(coupon));
    const asBefore = told.get(`${coupon} ${user}`) ?? '';
    if (asBefore.includes('"outcome":"granted"')) assert.equal(text, asBefore);
    else assert.deepEqual([status, body.file], [410, fileNameOf(coupon)]);
  }
  assert.equal((await system.operate('GET', `/v1/campaigns/${coupon}/totals`)).text, totals);
  assert.equal((await system.operate('GET', `/v1/campaigns/${coupon}/entries`)).status, 410);
  const [winner = ''] = USERS.filter(user => told.get(`${raffle} ${user}`)?.includes('"outcome":"won"'));
  assert.match((await system.ask(winner, 'GET', me(raffle))).text, /"receipt":/);
  const book = await fetch(`${system.gateways[0]?.url}/v1/campaigns/${coupon}/book`);
  const beside = await readFile(join(directory, `campaign-${coupon}.book.ndjson.gz`));
  assert.deepEqual(Buffer.from(await book.arrayBuffer()), beside);
  const second = await archiveCampaign(system.pool, raffle, terms());
  assert.equal(second.slicesKept, 0);
  assert.equal((await archiveCampaign(system.pool, coupon, terms())).slicesKept, 0);
  assert.equal(await countOf('slices where items is not null and $1 > 0', 1), 0);
  assert.equal(await countOf('redemptions where $1 > 0', 1), 0);
});

test('what is restored is what was there, row by row', async () => {
  await restoreCampaign(system.pool, fileOf(raffle));
  await restoreCampaign(system.pool, fileOf(coupon));
  assert.equal(await dump(), whole);
  for (const user of USERS)
    assert.equal((await system.ask(user, 'GET', me(coupon))).text, told.get(`${coupon} ${user}`));
  await assert.rejects(restoreCampaign(system.pool, fileOf(coupon)), BadArchive);
});

/** The pool, until its connections are lost at the statement of that number. */
function losing(pool: Pool, at: number): Pool {
  let statements = 0;
  const tick = (): void => {
    statements += 1;
    if (statements === at) throw new Error('lost on purpose');
  };
  const ticking = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(of, name) {
        const value: unknown = Reflect.get(of, name, of);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]): unknown => {
          if (name === 'query') tick();
          const result: unknown = value.apply(of, args);
          if (name !== 'connect' || !(result instanceof Promise)) return result;
          return result.then((client: object) => ticking(client));
        };
      },
    });
  return ticking(pool);
}

/** Begins it again and again, each time for one statement longer. Answers how often it was broken off. */
async function brokenOff(work: (pool: Pool) => Promise<unknown>): Promise<number> {
  for (let at = 1; ; at++) {
    const isDone = await work(losing(system.pool, at)).then(
      () => true,
      (error: unknown) => {
        assert.match(String(error), /lost on purpose/);
        return false;
      },
    );
    if (isDone) return at - 1;
  }
}

test('broken off at any statement it is gone on with, there and back', async () => {
  assert.ok((await brokenOff(pool => archiveCampaign(pool, coupon, terms()))) > 10);
  assert.equal(await countOf('entries where campaign_id = $1', coupon), STOCK);
  assert.ok((await brokenOff(pool => restoreCampaign(pool, fileOf(coupon)))) > 5);
  assert.equal(await dump(), whole);
});

test('a file that is another, or lacks its end, is not gone on with, and nothing of it comes back', async () => {
  await archiveCampaign(system.pool, coupon, terms());
  const path = fileOf(coupon);
  const bytes = await readFile(path);
  const archived = await dump();
  for (const wrong of [bytes.subarray(0, -100), Buffer.concat([bytes, bytes]), Buffer.from('{}')]) {
    await writeFile(path, wrong);
    await assert.rejects(checkFile(path), BadArchive);
    await assert.rejects(restoreCampaign(system.pool, path), BadArchive);
    await assert.rejects(archiveCampaign(system.pool, coupon, terms()), BadArchive);
  }
  await rm(path);
  await assert.rejects(archiveCampaign(system.pool, coupon, terms()), BadArchive);
  assert.equal(await dump(), archived);
  await writeFile(path, bytes);
  await restoreCampaign(system.pool, path);
  assert.equal(await dump(), whole);
});

/** As an operator calls it. */
async function command(
  ...args: readonly string[]
): Promise<{ readonly code: unknown; readonly said: string }> {
  const { connectionString = '' } = system.pool.options;
  const program = [...programArguments('engine/archive-cli.ts'), ...args];
  const env = { ...process.env, DATABASE_URL: connectionString, LOG_LEVEL: 'warn' };
  const ran = await promisify(execFile)(process.execPath, program, { env }).then(
    ({ stdout }) => ({ code: 0, said: stdout }),
    (error: unknown) => ({
      code: Reflect.get(Object(error), 'code'),
      said: String(Reflect.get(Object(error), 'stderr')),
    }),
  );
  return ran;
}

test('the command archives what is old enough, says what would leave, and puts it back', async () => {
  const out = ['--out', directory];
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
  const rehearsed = await command('--before', tomorrow, ...out, '--dry-run');
  assert.equal(rehearsed.code, 0, rehearsed.said);
  assert.equal(rehearsed.said.trim().split('\n').length, 2, rehearsed.said);
  assert.equal(await dump(), whole);
  const done = await command('--before', tomorrow, ...out);
  assert.equal(done.code, 0, done.said);
  assert.equal(await countOf('archives where $1 > 0', 1), 2);
  for (const id of [coupon, raffle]) {
    const restored = await command('--restore', fileOf(id));
    assert.equal(restored.code, 0, restored.said);
  }
  assert.equal(await dump(), whole);
  const open = await system.offer({ kind: 'raffle', winners: 1 });
  const refused = await command('--campaign', String(open), ...out);
  assert.deepEqual([refused.code, refused.said.trim()], [1, `campaign ${open} has not finished`]);
  for (const wrong of [
    [],
    ['--campaign', 'x', ...out],
    ['--before', 'soon', ...out],
    ['--restore', 'a', ...out],
  ])
    assert.equal((await command(...wrong)).code, 2, wrong.join(' '));
});
