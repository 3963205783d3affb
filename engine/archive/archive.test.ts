/** Campaigns are archived and restored on a whole service; the work may be interrupted at each statement. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import type { Pool } from '../../sql/database.ts';
import { addStreams } from '../../sql/statements/rooms/presence.ts';
import { programArguments } from '../test/program.ts';
import { archiveCampaign, fileNameOf, NotArchivable, rehearseArchive, requireArchivable } from './archive.ts';
import { type Archiving, archiving } from './archiving.ts';
import { BadArchive, checkFile } from './format.ts';
import { restoreCampaign } from './restore.ts';
import { type Dump, LEAVERS, Scene, STOCK, USERS, VISITORS } from './testing/scene.ts';

let scene: Scene;
let whole: Dump;
const answers = new Map<string, string>();

async function countOf(what: string, id: number): Promise<number> {
  const text = `select count(*) as count from ${what}`;
  const { rows } = await scene.system.pool.query<{ count: number }>(text, [id]);
  return Number(rows[0]?.count);
}

/** The number of a basket's rows, by table. */
async function partsOf(basket: number): Promise<readonly number[]> {
  const tables = ['redemptions', 'redemption_uses', 'refunds', 'shop_requests'];
  return await Promise.all(tables.map(table => countOf(`${table} where redemption_id = $1`, basket)));
}

/** The rows that the set-up created for each basket. */
const BASKET = [1, 1, 1, 2];
const NO_BASKET = [0, 0, 0, 0];
/** The rows of the room: one of its visitors has withdrawn and one was skipped. */
const ROOM_ROWS = [
  ['entries', VISITORS.length],
  ['grants', VISITORS.length - 2],
  ['room_people', VISITORS.length],
  ['room_moves', 1],
  ['withdrawals', 1],
] as const;

/** What is left of a coupon and a raffle: of the two users who asked too late, one is a holder. */
async function leftOf(coupon: number, raffle: number): Promise<readonly number[]> {
  return await Promise.all([
    countOf('withdrawals where campaign_id = $1', coupon),
    countOf('claims where campaign_id = $1', coupon),
    countOf('withdrawals where campaign_id = $1', raffle),
    countOf('entrant_terms where campaign_id = $1', raffle),
  ]);
}
const ALL_LEFT = [2, 2, LEAVERS.length, LEAVERS.length + 1];
const HOLDERS_LEFT = [1, 1, 0, 0];

before(async () => {
  scene = await Scene.make();
});
after(() => scene.close());

test('refuses a campaign that is not over, has no book, is in Redis, or is still in use', async () => {
  const { coupon, raffle, system } = scene;
  await assert.rejects(scene.archive(coupon), NotArchivable);
  await assert.rejects(scene.archive(999), NotArchivable);
  await scene.over();
  const counts = await rehearseArchive(system.pool, coupon, false);
  assert.deepEqual(
    { ...counts, slices: 0 },
    {
      ...{ entries: USERS.length - STOCK, slices: 0, redemptions: STOCK, redemption_uses: STOCK },
      ...{ refunds: STOCK, shop_requests: 2 * STOCK, grants: 0, room_people: 0, room_moves: 0 },
      ...{ withdrawals: 1, claims: 1, entrant_terms: 0 },
    },
  );
  assert.ok(counts.slices > 0);
  whole = await scene.dump();
  for (const id of [coupon, raffle]) {
    for (const user of USERS) answers.set(`${id} ${user}`, (await scene.me(user, id)).text);
  }
});

test("answers remaining users as before and archived ones with the file's name; shared slices stay", async () => {
  const { coupon, raffle, room, system, directory } = scene;
  const totals = (await system.operate('GET', `/v1/campaigns/${coupon}/totals`)).text;
  const first = await scene.archive(coupon);
  assert.ok(first.slicesKept > 0, 'they contain the raffle');
  for (const user of USERS) {
    const { status, text, body } = await scene.me(user, coupon);
    const asBefore = answers.get(`${coupon} ${user}`) ?? '';
    if (asBefore.includes('"outcome":"granted"')) assert.equal(text, asBefore);
    else assert.deepEqual([status, body.file], [410, fileNameOf(coupon)]);
  }
  assert.equal((await system.operate('GET', `/v1/campaigns/${coupon}/totals`)).text, totals);
  assert.equal((await system.operate('GET', `/v1/campaigns/${coupon}/entries`)).status, 410);
  const [winner = ''] = USERS.filter(user => answers.get(`${raffle} ${user}`)?.includes('"outcome":"won"'));
  assert.match((await scene.me(winner, raffle)).text, /"receipt":/);
  const book = await fetch(`${system.gateways[0]?.url}/v1/campaigns/${coupon}/book`);
  const beside = await readFile(join(directory, `campaign-${coupon}.book.ndjson.gz`));
  assert.deepEqual(Buffer.from(await book.arrayBuffer()), beside);
  for (const user of LEAVERS) assert.match(answers.get(`${raffle} ${user}`) ?? '', /"outcome":"withdrawn"/);
  const second = await scene.archive(raffle);
  assert.deepEqual(await leftOf(coupon, raffle), HOLDERS_LEFT);
  const terms = await system.operate('GET', `/v1/campaigns/${raffle}/entrants`);
  assert.deepEqual([terms.status, terms.body.file], [410, fileNameOf(raffle)]);
  assert.equal(second.slicesKept, 0);
  assert.equal((await scene.archive(coupon)).slicesKept, 0);
  assert.equal((await scene.archive(room)).slicesKept, 0);
  assert.equal(await countOf('slices where items is not null and $1 > 0', 1), 0);
  assert.equal(await countOf('redemptions where $1 > 0', 1), 0);
});

test('restores exactly the archived rows', async () => {
  const { coupon, raffle, room } = scene;
  for (const id of [room, raffle, coupon]) await scene.restore(id);
  assert.deepEqual(await scene.dump(), whole);
  assert.deepEqual(await leftOf(coupon, raffle), ALL_LEFT);
  for (const user of USERS)
    assert.equal((await scene.me(user, coupon)).text, answers.get(`${coupon} ${user}`));
  await assert.rejects(scene.restore(coupon), BadArchive);
});

/** The pool, until its connections are lost at the statement with that number. */
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

/**
 * Repeats the work, each time for one statement longer; in between each basket is there whole or not at all. Returns the number
 * of interruptions.
 */
async function brokenOff(
  work: (ledger: Archiving) => Promise<unknown>,
  check: () => Promise<void> = async () => undefined,
): Promise<number> {
  for (let at = 1; ; at++) {
    const isDone = await archiving(losing(scene.system.pool, at), work).then(
      () => true,
      (error: unknown) => {
        assert.match(String(error), /lost on purpose/);
        return false;
      },
    );
    for (const basket of scene.baskets) {
      const parts = await partsOf(basket);
      assert.deepEqual(parts, parts[0] === 0 ? NO_BASKET : BASKET, `interrupted at statement ${at}`);
    }
    await check();
    if (isDone) return at - 1;
  }
}

/** Users who withdrew always get the outcome `withdrawn`, as long as their entry is in the ledger. */
async function checkLeavers(): Promise<void> {
  const { rows } = await scene.system.pool.query<{ outcome: string }>(
    'select outcome from entry_outcomes where campaign_id = $1 and user_id = any ($2)',
    [scene.raffle, LEAVERS],
  );
  for (const { outcome } of rows) assert.equal(outcome, 'withdrawn');
}

test('resumes an archive and a restore interrupted at any statement', async () => {
  const { coupon, raffle, directory } = scene;
  const terms = { directory, keepsRedemptions: false };
  assert.ok((await brokenOff(ledger => archiveCampaign(ledger, raffle, terms), checkLeavers)) > 10);
  assert.deepEqual((await leftOf(coupon, raffle)).slice(2), HOLDERS_LEFT.slice(2));
  assert.ok((await brokenOff(ledger => restoreCampaign(ledger, scene.fileOf(raffle)), checkLeavers)) > 5);
  assert.deepEqual(await scene.dump(), whole);
  assert.ok((await brokenOff(ledger => archiveCampaign(ledger, coupon, terms))) > 10);
  assert.equal(await countOf('entries where campaign_id = $1', coupon), STOCK);
  assert.ok((await brokenOff(ledger => restoreCampaign(ledger, scene.fileOf(coupon)))) > 5);
  assert.deepEqual(await scene.dump(), whole);
});

/** Writes and records the file; no row has left yet. */
async function note(id: number): Promise<void> {
  const terms = { directory: scene.directory, keepsRedemptions: false };
  const isNoted = async (): Promise<boolean> => (await countOf('archives where campaign_id = $1', id)) > 0;
  for (let at = 1; !(await isNoted()); at++)
    await archiving(losing(scene.system.pool, at), ledger => archiveCampaign(ledger, id, terms)).catch(
      () => undefined,
    );
}

/** Every answer about the room's people, from the operator's port and the gateways and to the shop. */
async function roomAnswers(): Promise<{ readonly status: number; readonly file: unknown }[]> {
  const { room, system } = scene;
  const path = `/v1/campaigns/${room}`;
  const [visitor = ''] = VISITORS.slice(1);
  const left = JSON.stringify({ event: 'left', serial: 1 });
  const answers = [
    await system.operate('GET', `${path}/entries`),
    await system.operate('GET', `${path}/room`),
    await system.operate('PUT', `${path}/room`, { per_second: 1 }, { 'if-match': '*' }),
    await system.ask(visitor, 'POST', `${path}/pass`),
    await system.shop('POST', `${path}/reports`, { body: left }),
    ...(await Promise.all(VISITORS.map(user => scene.me(user, room)))),
  ];
  return answers.map(({ status, body }) => ({ status, file: body.file }));
}

test('keeps a room whose passes are still valid', async () => {
  const { pool } = scene.system;
  const { room } = scene;
  const [skipped = ''] = VISITORS.slice(-1);
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query(
      `insert into grants (campaign_id, serial, user_id, code) values ($1, 99, $2, 'late')`,
      [room, skipped],
    );
    await client.query(`update room_people set state = 'waiting' where campaign_id = $1 and user_id = $2`, [
      room,
      skipped,
    ]);
    const admit = `update room_people set state = 'admitted', serial = 99, admitted_us = 1, due_ms = 1000000000000
      where campaign_id = $1 and user_id = $2`;
    await client.query(admit, [room, skipped]);
    await assert.rejects(requireArchivable(client, room, false), /passes that can still be used/);
  } finally {
    await client.query('rollback');
    client.release();
  }
});

test('archives and restores everybody of a room, and answers 410 meanwhile', async () => {
  const { room, directory, system } = scene;
  const path = `/v1/campaigns/${room}`;
  const before = await scene.dump();
  const answersBefore = await Promise.all(VISITORS.map(async user => (await scene.me(user, room)).text));
  const totals = (await system.operate('GET', `${path}/totals`)).text;
  for (const [table, count] of ROOM_ROWS)
    assert.equal(await countOf(`${table} where campaign_id = $1`, room), count, table);
  const terms = { directory, keepsRedemptions: false };
  assert.ok((await brokenOff(ledger => archiveCampaign(ledger, room, terms))) > 10);
  for (const [table] of ROOM_ROWS)
    assert.equal(await countOf(`${table} where campaign_id = $1`, room), 0, table);
  for (const answer of await roomAnswers()) assert.deepEqual(answer, { status: 410, file: fileNameOf(room) });
  assert.equal((await system.operate('GET', `${path}/totals`)).text, totals);
  // Reports of streams from before its end may be read long after.
  const late = { incarnation: 1, rooms: [{ campaignId: room, userIds: VISITORS }] };
  await addStreams(system.pool, late);
  assert.equal(await countOf('room_people where campaign_id = $1', room), 0);
  await brokenOff(ledger => restoreCampaign(ledger, scene.fileOf(room)));
  assert.deepEqual(await scene.dump(), before);
  for (const [index, user] of VISITORS.entries())
    assert.equal((await scene.me(user, room)).text, answersBefore[index]);
});

test('keeps a visitor who changed since the file was written, with all their rows', async () => {
  const { room, system } = scene;
  await note(room);
  await system.pool.query(`update room_people set session = 'late' where campaign_id = $1 and serial = 1`, [
    room,
  ]);
  const { rows } = await system.pool.query(
    `update room_moves set move = 'back' where campaign_id = $1 returning user_id`,
    [room],
  );
  assert.equal(rows.length, 1);
  await scene.archive(room);
  for (const [table, count] of [
    ['entries', 2],
    ['grants', 1],
    ['room_people', 2],
    ['room_moves', 1],
    // The visitor who withdrew is neither of the two.
    ['withdrawals', 0],
  ] as const)
    assert.equal(await countOf(`${table} where campaign_id = $1`, room), count, table);
  await scene.restore(room);
  for (const [table, count] of ROOM_ROWS)
    assert.equal(await countOf(`${table} where campaign_id = $1`, room), count, table);
  whole = await scene.dump();
});

test('keeps a basket that changed since the file was written, with all its rows', async () => {
  const { coupon } = scene;
  const [changed = 0, ...others] = scene.baskets;
  await note(coupon);
  const refunded = await scene.refund(changed);
  assert.equal(refunded.status, 201, refunded.text);
  await scene.archive(coupon);
  assert.deepEqual(await partsOf(changed), [1, 1, 2, 3]);
  for (const basket of others) assert.deepEqual(await partsOf(basket), NO_BASKET);
  assert.equal((await scene.refund(changed)).status, 409, 'nothing is left to refund');
  await scene.restore(coupon);
  assert.deepEqual(await partsOf(changed), [1, 1, 2, 3]);
  for (const basket of others) assert.deepEqual(await partsOf(basket), BASKET);
  whole = await scene.dump();
});

test('refuses a different or truncated file, and restores nothing from it', async () => {
  const { coupon } = scene;
  await scene.archive(coupon);
  const path = scene.fileOf(coupon);
  const bytes = await readFile(path);
  const archived = await scene.dump();
  for (const wrong of [bytes.subarray(0, -100), Buffer.concat([bytes, bytes]), Buffer.from('{}')]) {
    await writeFile(path, wrong);
    await assert.rejects(checkFile(path), BadArchive);
    await assert.rejects(scene.restore(coupon), BadArchive);
    await assert.rejects(scene.archive(coupon), BadArchive);
  }
  await rm(path);
  await assert.rejects(scene.archive(coupon), BadArchive);
  assert.deepEqual(await scene.dump(), archived);
  await writeFile(path, bytes);
  await scene.restore(coupon);
  assert.deepEqual(await scene.dump(), whole);
});

/** As an operator calls it. */
async function command(
  ...args: readonly string[]
): Promise<{ readonly code: unknown; readonly output: string }> {
  const { connectionString = '' } = scene.system.pool.options;
  const program = [...programArguments('engine/archive/archive-cli.ts'), ...args];
  const env = { ...process.env, DATABASE_URL: connectionString, LOG_LEVEL: 'warn' };
  const ran = await promisify(execFile)(process.execPath, program, { env }).then(
    ({ stdout }) => ({ code: 0, output: stdout }),
    (error: unknown) => ({
      code: Reflect.get(Object(error), 'code'),
      output: String(Reflect.get(Object(error), 'stderr')),
    }),
  );
  return ran;
}

test('the command archives old campaigns, lists what it would archive, and restores them', async () => {
  const { coupon, raffle, room, system } = scene;
  const out = ['--out', scene.directory];
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
  const dryRun = await command('--before', tomorrow, ...out, '--dry-run');
  assert.equal(dryRun.code, 0, dryRun.output);
  assert.equal(dryRun.output.trim().split('\n').length, 3, dryRun.output);
  assert.deepEqual(await scene.dump(), whole);
  const taken = await archiving(system.pool, () => command('--before', tomorrow, ...out));
  assert.equal(taken.code, 3, taken.output);
  assert.deepEqual(await scene.dump(), whole);
  const done = await command('--before', tomorrow, ...out);
  assert.equal(done.code, 0, done.output);
  assert.equal(await countOf('archives where $1 > 0', 1), 3);
  for (const id of [coupon, raffle, room]) {
    const restored = await command('--restore', scene.fileOf(id));
    assert.equal(restored.code, 0, restored.output);
  }
  assert.deepEqual(await scene.dump(), whole);
  const open = await system.offer({ kind: 'raffle', winners: 1 });
  const refused = await command('--campaign', String(open), ...out);
  assert.deepEqual([refused.code, refused.output.trim()], [1, `campaign ${open} has not finished`]);
  for (const wrong of [
    [],
    ['--campaign', 'x', ...out],
    ['--before', 'soon', ...out],
    ['--restore', 'a', ...out],
  ])
    assert.equal((await command(...wrong)).code, 2, wrong.join(' '));
});
