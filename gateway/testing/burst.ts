/** A burst over all gateways of a system, by clients that retry, and what must hold afterwards. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startFleet } from '../../bench/load/fleet.ts';
import { type RecordRow, readRecord } from '../../bench/load/record.ts';
import type { LoadResult } from '../../bench/load/result.ts';
import { brokenInvariants } from '../../engine/test/gateway.ts';
import { eventually } from '../../engine/test/support.ts';
import type { System } from '../../engine/test/system.ts';

/** Each user retries until there is an answer, while `trouble` happens. Returns what they were told. */
export async function burst(
  system: System,
  campaign: number,
  users: number,
  trouble: () => Promise<void>,
): Promise<readonly RecordRow[]> {
  const folder = await mkdtemp(join(tmpdir(), 'fairline-burst-'));
  try {
    const fleet = await startFleet({
      bases: system.gateways.map(gateway => gateway.url),
      path: `/v1/campaigns/${campaign}/entries`,
      connections: 60,
      users: { from: 0, to: users },
      ticket: { secret: system.secret, audience: 'fairline' },
      retry: true,
      timeoutMs: 3_000,
      recordPath: join(folder, 'record'),
    });
    let result: LoadResult;
    try {
      [result] = await Promise.all([fleet.go(), trouble()]);
    } finally {
      await fleet.stop();
    }
    const records = await Promise.all(result.recordPaths.map(path => readRecord(path)));
    return records.flatMap(record => [...record.rows()]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/**
 * Asserts that every user answered with 202 in a burst for this coupon has one entry with the stamp they were told, has an
 * outcome and was not overtaken, and that the ranks are those of the ledger. Returns how many were accepted.
 */
export async function assertWhole(
  system: System,
  campaign: number,
  stock: number,
  rows: readonly RecordRow[],
): Promise<number> {
  const accepted = rows.filter(row => row.status === 202);
  assert.ok(accepted.length > 0);
  await eventually(() => isSettled(system, campaign, accepted.length), { timeoutMs: 180_000 });
  const { rows: ledger } = await system.pool.query(
    'select user_id, stamp, outcome from entry_outcomes where campaign_id = $1',
    [campaign],
  );
  const byUser = new Map(ledger.map(row => [String(row.user_id), row]));
  assert.equal(byUser.size, ledger.length, 'one entry per user');
  for (const row of accepted) {
    const entry = byUser.get(row.user);
    assert.ok(entry !== undefined, `${row.user} was answered 202 and is lost`);
    // An earlier request of theirs, whose answer was lost, may turn out to be in the log: the earliest stamp stays.
    const better = row.attempts > 1 && entry.stamp < Number(row.stamp);
    assert.ok(entry.stamp === row.stamp || better, `${row.user}: answered ${row.stamp}, has ${entry.stamp}`);
  }
  assert.equal(ledger.filter(row => row.outcome === 'granted').length, Math.min(stock, ledger.length));
  assert.deepEqual(await brokenInvariants(system.pool), []);
  await assertRanked(system, campaign);
  return accepted.length;
}

async function isSettled(system: System, campaign: number, accepted: number): Promise<boolean> {
  const { rows } = await system.pool.query(
    `select (select count(*)::integer from entries where campaign_id = $1) as entered,
            (select count(*)::integer from entry_outcomes where campaign_id = $1 and outcome = 'waiting') as waiting`,
    [campaign],
  );
  return rows[0].waiting === 0 && rows[0].entered >= accepted;
}

async function assertRanked(system: System, campaign: number): Promise<void> {
  const { rows: ranked } = await system.pool.query(
    'select user_id from entries where campaign_id = $1 order by stamp',
    [campaign],
  );
  const rankKey = system.keys.campaign(campaign).rank;
  await eventually(async () => (await system.redis.zcard(rankKey)) === ranked.length);
  // The engine ranks what a killed gateway had logged but not ranked; positions are not final before that.
  await eventually(async () => {
    const { rows } = await system.pool.query('select from gateways where not backfilled and state = $1', [
      'ended',
    ]);
    return rows.length === 0;
  });
  assert.deepEqual(
    await system.redis.zrange(rankKey, 0, '-1'),
    ranked.map(row => row.user_id),
    'the ranks match the ledger',
  );
}
