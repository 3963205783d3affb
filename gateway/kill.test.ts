/** Kills and pauses of gateways in the middle of a burst: what was answered with 202 counts, whatever happened. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startFleet } from '../bench/load/fleet.ts';
import { type RecordRow, readRecord } from '../bench/load/record.ts';
import type { LoadResult } from '../bench/load/result.ts';
import { availableLogs, eventually } from '../engine/test/support.ts';
import { type System, startSystem } from '../engine/test/system.ts';
import { brokenInvariants } from '../engine/test-gateway.ts';

const USERS = 6_000;
const STOCK = 500;

for (const log of availableLogs()) {
  describe(`gateways in trouble during a burst, over ${log}`, () => {
    let system: System;
    let folder: string;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'fairline-kill-'));
      system = await startSystem({ log, gateways: 0 });
      // Ports that are known before: one that the system chose could not be listened on again at once.
      for (const port of await freePorts(3)) {
        system.gateways.push(await system.startGateway({ GATEWAY_PORT: String(port) }));
      }
    });
    after(async () => {
      await system.close();
      await rm(folder, { recursive: true });
    });

    /** A burst over all gateways, with clients that ask again; `trouble` happens while it is on its way. */
    const burst = async (id: number, trouble: () => Promise<void>): Promise<readonly RecordRow[]> => {
      const fleet = await startFleet({
        bases: system.gateways.map(gateway => gateway.url),
        path: `/v1/campaigns/${id}/entries`,
        connections: 60,
        users: { from: 0, to: USERS },
        ticket: { secret: system.secret, audience: 'fairline' },
        retry: true,
        timeoutMs: 3_000,
        recordPath: join(folder, String(id)),
      });
      let result: LoadResult;
      try {
        [result] = await Promise.all([fleet.go(), trouble()]);
      } finally {
        await fleet.stop();
      }
      const records = await Promise.all(result.recordPaths.map(path => readRecord(path)));
      return records.flatMap(record => [...record.rows()]);
    };

    /** Everybody who was answered 202 has the stamp they were told, an outcome, and was not overtaken. */
    const assertWhole = async (id: number, rows: readonly RecordRow[]): Promise<void> => {
      const accepted = rows.filter(row => row.status === 202);
      assert.ok(accepted.length > 0);
      await eventually(
        async () => {
          const { rows: waiting } = await system.pool.query(
            `select count(*) from entry_outcomes where campaign_id = $1 and outcome = 'waiting'`,
            [id],
          );
          const { rows: all } = await system.pool.query(
            'select count(*) from entries where campaign_id = $1',
            [id],
          );
          return waiting[0].count === 0 && all[0].count >= accepted.length;
        },
        { timeoutMs: 60_000 },
      );
      const { rows: ledger } = await system.pool.query(
        'select user_id, stamp, outcome from entry_outcomes where campaign_id = $1',
        [id],
      );
      const byUser = new Map(ledger.map(row => [String(row.user_id), row]));
      assert.equal(byUser.size, ledger.length, 'one entry a user');
      for (const row of accepted) {
        const entry = byUser.get(row.user);
        assert.ok(entry !== undefined, `${row.user} was answered 202 and is lost`);
        // An earlier request of theirs, whose answer was lost, may turn out to be in the log: the earliest stamp stays.
        const better = row.attempts > 1 && entry.stamp < Number(row.stamp);
        assert.ok(entry.stamp === row.stamp || better, `${row.user}: told ${row.stamp}, has ${entry.stamp}`);
      }
      assert.equal(ledger.filter(row => row.outcome === 'granted').length, Math.min(STOCK, ledger.length));
      assert.deepEqual(await brokenInvariants(system.pool), []);
      const { rows: ranked } = await system.pool.query(
        'select user_id from entries where campaign_id = $1 order by stamp',
        [id],
      );
      const rankKey = system.keys.campaign(id).rank;
      await eventually(async () => (await system.redis.zcard(rankKey)) === ranked.length);
      // What a killed gateway had logged and not ranked is ranked by the engine, and positions are not final before.
      await eventually(async () => {
        const { rows } = await system.pool.query('select from gateways where not repaired and state = $1', [
          'ended',
        ]);
        return rows.length === 0;
      });
      assert.deepEqual(
        await system.redis.zrange(rankKey, 0, '-1'),
        ranked.map(row => row.user_id),
        'the ranks are those of the ledger',
      );
    };

    test('kill -9 of a gateway, twice', async () => {
      const id = await system.offer({ kind: 'coupon', stock: STOCK });
      const rows = await burst(id, async () => {
        for (const number of [0, 1]) {
          await sleep(150);
          await system.gateways[number]?.process.stop('SIGKILL');
          system.gateways[number] = await system.startGateway({
            GATEWAY_PORT: String(system.gateways[number]?.port),
          });
        }
      });
      await assertWhole(id, rows);
    });

    test('a gateway that is stopped for longer than its lease, and goes on', async () => {
      const id = await system.offer({ kind: 'coupon', stock: STOCK });
      const paused = system.gateways[2]?.process.child;
      const rows = await burst(id, async () => {
        await sleep(100);
        paused?.kill('SIGSTOP');
        await sleep(2_600);
        paused?.kill('SIGCONT');
      });
      await assertWhole(id, rows);
      await eventually(async () => (await fetch(`${system.gateways[2]?.url}/readyz`)).ok);
    });

    test('a gateway that is told to stop finishes what it took', async () => {
      const id = await system.offer({ kind: 'coupon', stock: STOCK });
      const rows = await burst(id, async () => {
        await sleep(100);
        assert.equal(await system.gateways[1]?.process.stop('SIGTERM'), 0);
        system.gateways[1] = await system.startGateway({ GATEWAY_PORT: String(system.gateways[1]?.port) });
      });
      await assertWhole(id, rows);
    });
  });
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map(server => once(server, 'listening')));
  const addresses = servers.map(server => server.address());
  await Promise.all(servers.map(server => once(server.close(), 'close')));
  return addresses.map(address => (typeof address === 'object' && address !== null ? address.port : 0));
}
