/**
 * `npm run archive` as a process that is killed: while PostgreSQL executes one of its statements, and at any other moment.
 * After each kill every row is in the ledger or in a file recorded in the ledger, and each basket is entirely in one of them;
 * then the command is run to its end.
 */
import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually, type SpawnedNode, spawnNode } from '../test/support.ts';
import { nodePrimitives } from '../verify/node.ts';
import { verify } from '../verify/verify.ts';
import { hashOf, readPages } from './format.ts';
import { type Dump, Scene, STOCK, USERS } from './testing/scene.ts';

const BASKET_TABLES = ['redemptions', 'redemption_uses', 'refunds', 'shop_requests'];
const ROOM_TABLES = ['grants', 'room_people', 'room_moves'];
const USER_TABLES = ['withdrawals', 'claims', 'entrant_terms'];
const CARRIED_TABLES = [...USER_TABLES, 'entries', 'slices', ...BASKET_TABLES, ...ROOM_TABLES];
/** The test finds waiting connections by this name in pg_stat_activity. */
const NAME = 'fairline archive';
const EXIT_TAKEN = 3;
/** A process starts on a machine that may be busy. */
const SLOW = { timeoutMs: 180_000 };
/**
 * The first kill comes at once, each further one later by this and by a quarter: on a busy machine, too, that makes few of
 * them.
 */
const LATER_MS = 8;
const LATER_SHARE = 1.25;

let scene: Scene;
let whole: Dump;
let keys: Buffer;
/** By campaign, a line of JSON for each user with a receipt. */
const receipts = new Map<number, string[]>();

before(async () => {
  scene = await Scene.make();
  await scene.over();
  const base = scene.system.gateways[0]?.url;
  keys = Buffer.from(await (await fetch(`${base}/v1/keys`)).arrayBuffer());
  for (const id of [scene.coupon, scene.raffle]) {
    const lines: string[] = [];
    for (const user of USERS) {
      const { body } = await scene.me(user, id);
      lines.push(JSON.stringify({ receipt: body.receipt, user }));
    }
    receipts.set(id, lines);
  }
  whole = await scene.dump();
});
after(() => scene.close());

function start(args: readonly string[]): SpawnedNode {
  const { connectionString = '' } = scene.system.pool.options;
  return spawnNode(
    'engine/archive/archive-cli.ts',
    { DATABASE_URL: connectionString, LOG_LEVEL: 'warn' },
    args,
  );
}

const archiveAll = (): readonly string[] => [
  '--before',
  new Date(Date.now() + 86_400_000).toISOString(),
  '--out',
  scene.directory,
];
const restoreOne = (id: number): readonly string[] => ['--restore', scene.fileOf(id)];

/** Runs the command to its end; it is refused as long as PostgreSQL executes a statement of a killed process. */
async function finish(args: readonly string[]): Promise<void> {
  const run = await eventually(async () => {
    const started = start(args);
    const code = await started.ended;
    return code === EXIT_TAKEN ? undefined : { code, output: started.output() };
  });
  assert.equal(run.code, 0, run.output);
}

async function activity(condition: string): Promise<number> {
  const { rows } = await scene.system.pool.query(
    `select from pg_stat_activity where datname = current_database() and application_name = $1 and ${condition}`,
    [NAME],
  );
  return rows.length;
}

async function archived(): Promise<ReadonlyMap<number, Buffer>> {
  const { rows } = await scene.system.pool.query<{ campaign_id: number; sha256: Buffer }>(
    'select campaign_id, sha256 from archives',
  );
  return new Map(rows.map(row => [row.campaign_id, row.sha256]));
}

/** Compares everything with the original, wherever it is now. */
async function checkAll(when: string): Promise<void> {
  const noted = await archived();
  const inFiles = new Map<string, Set<string>>(CARRIED_TABLES.map(table => [table, new Set()]));
  for (const [id, sha256] of noted) {
    assert.deepEqual(await hashOf(scene.fileOf(id)), sha256, `${when}: the file of ${id}`);
    for await (const { table, rows } of readPages(scene.fileOf(id)))
      for (const row of rows) inFiles.get(table)?.add(row);
  }
  const now = await scene.dump();
  for (const table of CARRIED_TABLES) {
    const here = new Set(now.get(table));
    const there = inFiles.get(table) ?? new Set();
    const before = whole.get(table) ?? [];
    assert.deepEqual(
      before.filter(row => !here.has(row) && !there.has(row)),
      [],
      `${when}: lost from ${table}`,
    );
    const isKnown = new Set(before);
    // The head of a slice stays, without its items.
    const others = [...here].filter(row => !isKnown.has(row) && !row.includes('"items":null'));
    assert.deepEqual(others, [], `${when}: fabricated in ${table}`);
  }
  for (const basket of scene.baskets) {
    const partsOf = (dump: Dump): readonly string[] =>
      BASKET_TABLES.flatMap(table => dump.get(table) ?? []).filter(row =>
        row.includes(`"redemption_id":${basket},`),
      );
    const parts = partsOf(now);
    if (parts.length > 0) assert.deepEqual(parts, partsOf(whole), `${when}: basket ${basket}`);
  }
}

async function checkArchived(): Promise<void> {
  await checkAll('at the end');
  assert.equal((await archived()).size, 3);
  const now = await scene.dump();
  assert.equal(
    now.get('entries')?.filter(row => row.includes(`"campaign_id":${scene.coupon},`)).length,
    STOCK,
  );
  for (const table of BASKET_TABLES) assert.deepEqual(now.get(table), []);
  for (const table of ['entries', ...USER_TABLES, ...ROOM_TABLES])
    assert.deepEqual(
      now.get(table)?.filter(row => row.includes(`"campaign_id":${scene.room},`)),
      [],
      table,
    );
  for (const table of USER_TABLES)
    assert.deepEqual(
      now.get(table)?.filter(row => row.includes(`"campaign_id":${scene.raffle},`)),
      [],
      table,
    );
  for (const id of [scene.coupon, scene.raffle]) {
    const book = await readFile(join(scene.directory, `campaign-${id}.book.ndjson.gz`));
    const pieces = async function* (): AsyncGenerator<Uint8Array> {
      yield book;
    };
    const lines = Buffer.from(receipts.get(id)?.join('\n') ?? '');
    const report = await verify({ primitives: nodePrimitives, book: pieces(), receipts: lines, keys });
    assert.deepEqual(report.findings, []);
    assert.equal(report.facts.receipts, USERS.length);
  }
}

async function checkRestored(): Promise<void> {
  assert.deepEqual(await scene.dump(), whole);
}

/** Kills the process while PostgreSQL keeps it waiting for a lock that `hold` has taken. */
async function killAt(hold: string, args: readonly string[]): Promise<void> {
  const holder = await scene.system.pool.connect();
  try {
    await holder.query('begin');
    await holder.query(hold);
    const run = start(args);
    await eventually(async () => (await activity(`wait_event_type = 'Lock'`)) > 0, SLOW);
    assert.equal(await run.stop('SIGKILL'), 'SIGKILL');
    await checkAll(`killed while it waits for: ${hold}`);
    // PostgreSQL is still executing the statement: nobody may restore anything or write another file meanwhile.
    if (!hold.includes('entries')) return;
    const other = start(args);
    assert.equal(await other.ended, EXIT_TAKEN, other.output());
  } finally {
    await holder.query('rollback');
    holder.release();
  }
}

/** Resolves when PostgreSQL has finished the killed process's statement. */
async function allDone(): Promise<void> {
  await eventually(async () => (await activity('true')) === 0, SLOW);
  await checkAll('pending statements are done');
}

test('killed at a statement, every archived row is in the file, and the next run continues', async () => {
  const holds = [
    'lock table archives in share mode',
    `select from entries where campaign_id = ${scene.coupon} for update`,
    'select from coupons for update',
    'select from redemptions for update',
    'select from claims for update',
    `select from entries where campaign_id = ${scene.raffle} for update`,
    'select from slices for update',
    `select from withdrawals where campaign_id = ${scene.raffle} for update`,
    'select from entrant_terms for update',
    'select from room_moves for update',
    'select from room_people for update',
    `select from grants where campaign_id = ${scene.room} for update`,
    `select from entries where campaign_id = ${scene.room} for update`,
  ];
  for (const hold of holds) {
    await killAt(hold, archiveAll());
    await allDone();
  }
  await finish(archiveAll());
  await finish(archiveAll());
  await checkArchived();
});

test('killed at a statement, every restored row is complete, and the next run continues', async () => {
  for (const id of [scene.raffle, scene.coupon]) {
    if (id === scene.raffle) await killAt('lock table entrant_terms in share mode', restoreOne(id));
    else await killAt('lock table claims in share mode', restoreOne(id));
    await allDone();
    await killAt('lock table entries in share mode', restoreOne(id));
    await allDone();
    // Most slices carry both, and their items are back with the first of the two; only one has baskets.
    const next = id === scene.raffle ? 'select from slices for update' : 'lock table refunds in share mode';
    await killAt(next, restoreOne(id));
    await allDone();
    await killAt('select from archives for update', restoreOne(id));
    await allDone();
    await finish(restoreOne(id));
  }
  for (const hold of ['lock table room_people in share mode', 'select from archives for update']) {
    await killAt(hold, restoreOne(scene.room));
    await allDone();
  }
  await finish(restoreOne(scene.room));
  await checkRestored();
});

/** Runs the command again and again, and kills it later each time, until it ends by itself. Returns the number of kills. */
async function killedAnywhere(args: readonly string[]): Promise<number> {
  for (let kills = 0, afterMs = 0; ; kills++, afterMs = (afterMs + LATER_MS) * LATER_SHARE) {
    const run = start(args);
    const ended = run.ended.then(() => true);
    // From its first connection on: before that, it has done nothing.
    await eventually(async () => (await activity('true')) > 0 || Promise.race([ended, undefined]), SLOW);
    const isOver = await Promise.race([ended, sleep(afterMs)]);
    if (isOver !== true) run.child.kill('SIGKILL');
    const how = await run.ended;
    // Killed when everything was back, before it could say so.
    if (how === 0 || /nothing is missing/.test(run.output())) return kills;
    assert.ok(how === 'SIGKILL' || how === EXIT_TAKEN, run.output());
    await checkAll(`killed ${afterMs} ms after it began`);
  }
}

test('continues after a kill at any moment, in both directions', async t => {
  const there = await killedAnywhere(archiveAll());
  await finish(archiveAll());
  await checkArchived();
  let back = 0;
  for (const id of [scene.coupon, scene.raffle, scene.room]) back += await killedAnywhere(restoreOne(id));
  await checkRestored();
  t.diagnostic(`killed ${there} archive runs and ${back} restore runs`);
  assert.ok(there > 0 && back > 0);
});

test('the next run cleans up every file that a kill leaves', async () => {
  await finish(archiveAll());
  await finish(archiveAll());
  for (const id of [scene.coupon, scene.raffle, scene.room])
    await assert.rejects(stat(`${scene.fileOf(id)}.part`), /ENOENT/);
});
