/** X-Request-Start through real gateways: one that trusts this machine, one that does not. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { readLog } from '../../bench/demo/checks/log-reader.ts';
import { decodeRecord, SOURCE_ARRIVAL, SOURCE_PROXY } from '../../engine/contract/record/record.ts';
import { instantOf } from '../../engine/contract/record/stamp.ts';
import { availableLogs, eventually, serversFromEnv } from '../../engine/test/support.ts';
import { type Answer, type System, startSystem } from '../../engine/test/system.ts';
import { REQUEST_START_RESULTS, sourceOf } from '../clock/request-start.ts';

/** Long, so that requests meant to be within it are, on however slow a machine. */
const WAIT_MS = 4_000;
/** As in a test system. */
const LOG_PARTITIONS = 4;
const TRUSTING = 0;
const STRANGER = 1;
const HASTY = 2;

for (const log of availableLogs()) {
  describe(`X-Request-Start over ${log}`, () => {
    let system: System;
    before(async () => {
      system = await startSystem({
        log,
        gatewayEnv: { TRUSTED_PROXIES: '127.0.0.0/8,::1', REQUEST_START_WAIT_MS: String(WAIT_MS) },
      });
      system.gateways.push(await system.startGateway({ TRUSTED_PROXIES: '192.0.2.0/24' }));
      system.gateways.push(await system.startGateway({ REQUEST_START_WAIT_MS: '0' }));
    });
    after(() => system.close());

    const nowUs = async (): Promise<number> => {
      const [seconds, micros] = await system.redis.time();
      return Number(seconds) * 1_000_000 + Number(micros);
    };
    const enter = (user: string, id: number, start: string, gateway = TRUSTING): Promise<Answer> =>
      system.ask(user, 'POST', `/v1/campaigns/${id}/entries`, {
        gateway,
        headers: { 'x-request-start': start },
      });
    const opensAtUs = async (id: number): Promise<number> => {
      const { body } = await system.operate('GET', `/v1/campaigns/${id}`);
      return Date.parse(String(body.opens_at)) * 1_000;
    };
    const instant = async (answer: Answer, id: number): Promise<number> => {
      assert.equal(answer.status, 202, answer.text);
      return instantOf(Number(answer.body.stamp), await opensAtUs(id));
    };
    /** By how much each count of a gateway grows during `work`; counts that do not grow are omitted. */
    const counted = async (gateway: number, work: () => Promise<void>): Promise<Record<string, number>> => {
      const read = async (): Promise<number[]> => {
        const text = await (await fetch(`${system.gateways[gateway]?.url}/metrics`)).text();
        return REQUEST_START_RESULTS.map(result => {
          const found = new RegExp(`fairline_request_starts_total\\{result="${result}"\\} (\\d+)`).exec(text);
          assert.ok(found !== null, `${result} is not counted`);
          return Number(found[1]);
        });
      };
      const atFirst = await read();
      await work();
      const grown = (await read()).map((count, index) => count - (atFirst[index] ?? 0));
      return Object.fromEntries(
        REQUEST_START_RESULTS.map((result, index) => [result, grown[index] ?? 0] as const).filter(
          ([, count]) => count > 0,
        ),
      );
    };
    const longOpen = async (): Promise<number> => {
      const id = await system.offer({ kind: 'raffle', winners: 1 });
      // Entries noted a second ago must still be after the opening.
      const openedUs = await opensAtUs(id);
      await eventually(async () => (await nowUs()) > openedUs + 1_500_000);
      return id;
    };

    test("stamps with the header's instant in each format, and the order follows it", async () => {
      const id = await longOpen();
      const baseUs = (await nowUs()) - 1_000_000;
      const us = baseUs - (baseUs % 1_000) + 1;
      const result = await counted(TRUSTING, async () => {
        const micro = await enter('micro', id, `t=${us + 400_000}`);
        assert.equal(await instant(micro, id), us + 400_000);
        assert.equal(sourceOf(await instant(micro, id)), SOURCE_PROXY);
        // A whole millisecond is even; the stamp gets the first odd instant in it.
        const milli = await enter('milli', id, String((us - 1) / 1_000 + 200));
        assert.equal(await instant(milli, id), us + 200_000);
        const seconds = String(us - 1 + 100_000);
        const nginx = await enter('nginx', id, `t=${seconds.slice(0, 10)}.${seconds.slice(10, 13)}`);
        assert.equal(await instant(nginx, id), us + 100_000);
        const same = await enter('same', id, `t=${us + 100_000}`);
        assert.equal(await instant(same, id), us + 100_002, 'every instant is unique');
      });
      assert.deepEqual(result, { used: 4 });
      await eventually(
        async () => {
          const { rows } = await system.pool.query(
            `select user_id from entry_outcomes where campaign_id = $1 order by stamp`,
            [id],
          );
          return rows.map(row => row.user_id).join() === 'nginx,same,milli,micro';
        },
        { timeoutMs: 180_000 },
      );
    });

    test('a repeated entry moves to an earlier start, and ignores a later one', async () => {
      const id = await longOpen();
      const us = (await nowUs()) - 800_000;
      const odd = us + (1 - (us % 2));
      assert.equal(await instant(await enter('alice', id, `t=${odd}`), id), odd);
      assert.equal(await instant(await enter('alice', id, `t=${odd + 200_000}`), id), odd);
      assert.equal(await instant(await enter('alice', id, `t=${odd - 200_000}`), id), odd - 200_000);
      await eventually(async () => {
        const { rows } = await system.pool.query('select stamp from entries where campaign_id = $1', [id]);
        const openedUs = await opensAtUs(id);
        return rows.length === 1 && instantOf(Number(rows[0].stamp), openedUs) === odd - 200_000;
      });
    });

    test('never stamps at or before a promise', async () => {
      const id = await longOpen();
      const hourAgoUs = (await nowUs()) - 3_600_000_000;
      const startedUs = await opensAtUs(id);
      const result = await counted(HASTY, async () => {
        // This gateway promises up to the current time, ten times a second.
        await eventually(async () => (await nowUs()) > startedUs + 2_000_000);
        const beforeUs = await nowUs();
        const stamped = await instant(await enter('bob', id, `t=${hourAgoUs}`, HASTY), id);
        assert.ok(stamped > startedUs, 'the campaign opened long before');
        assert.ok(stamped <= (await nowUs()));
        assert.ok(stamped > beforeUs - 2_000_000, 'it was not set back to the requested instant');
        const later = await instant(await enter('carol', id, `t=${hourAgoUs}`, HASTY), id);
        assert.ok(later > stamped, 'the promise of the first slice lies between');
      });
      assert.deepEqual(result, { promise: 2 });
    });

    test('never stamps in the future', async () => {
      const id = await longOpen();
      const result = await counted(TRUSTING, async () => {
        const beforeUs = await nowUs();
        const stamped = await instant(await enter('dora', id, `t=${beforeUs + 3_600_000_000}`), id);
        assert.ok(stamped < beforeUs + 3_600_000_000);
        assert.equal(sourceOf(stamped), SOURCE_ARRIVAL);
      });
      assert.deepEqual(result, { now: 1 });
    });

    test('never stamps before the opening; early requests are refused whatever the header says', async () => {
      const opens_at = new Date(Date.now() + 1_500).toISOString();
      const id = await system.offer({ kind: 'raffle', winners: 1, opens_at });
      const openedUs = await opensAtUs(id);
      const early = await enter('early', id, `t=${openedUs + 1_000}`);
      assert.equal(early.status, 409);
      assert.equal(early.body.type, 'urn:fairline:problem:not-open-yet');
      await eventually(async () => (await nowUs()) > openedUs + 300_000);
      const result = await counted(TRUSTING, async () => {
        const first = openedUs + (1 - (openedUs % 2));
        assert.equal(await instant(await enter('a', id, `t=${openedUs - 100_000}`), id), first);
        assert.equal(await instant(await enter('b', id, `t=${openedUs - 200_000}`), id), first + 2);
      });
      assert.deepEqual(result, { opening: 2 });
    });

    test('ignores the header of an untrusted client, and any header it cannot parse', async () => {
      const id = await longOpen();
      const beforeUs = await nowUs();
      const untrusted = await counted(STRANGER, async () => {
        const stamped = await instant(await enter('eve', id, `t=${beforeUs - 1_000_000}`, STRANGER), id);
        assert.ok(stamped > beforeUs - 500_000);
        assert.equal(sourceOf(stamped), SOURCE_ARRIVAL);
      });
      assert.deepEqual(untrusted, { untrusted: 1 });
      const unreadable = await counted(TRUSTING, async () => {
        assert.equal(sourceOf(await instant(await enter('fay', id, 'yesterday'), id)), SOURCE_ARRIVAL);
        const twice = await sendTwice(id, 'gus', beforeUs - 1_000_000);
        assert.match(twice, /^HTTP\/1\.1 202 /);
      });
      assert.deepEqual(unreadable, { unreadable: 2 });
      const none = await counted(TRUSTING, async () => {
        assert.equal((await system.enter('hal', id)).status, 202);
      });
      assert.deepEqual(none, {});
    });

    test('a burst with mixed starts is in order in log, ledger and ranks', async () => {
      const id = await longOpen();
      await enterCrowd(id, TRUSTING, 3_000);
      assert.ok((await outOfOrderInLog(id)) > 0, 'some slice holds a later request with an earlier start');
    });

    test('a burst in slices of three, half of it with starts before the promises', async () => {
      const small = { MAX_SLICE_ENTRIES: '3', REQUEST_START_WAIT_MS: '150' };
      const gateway = system.gateways.push(await system.startGateway(small)) - 1;
      const id = await longOpen();
      await enterCrowd(id, gateway, 400);
      await outOfOrderInLog(id);
    });

    /** 300 at once: some without a header, many with the same one, up to `spreadMs` ago, in mixed order. */
    const enterCrowd = async (id: number, gateway: number, spreadMs: number): Promise<void> => {
      const nowMs = Math.floor((await nowUs()) / 1_000);
      const crowd = Array.from({ length: 300 }, (_, index) => ({
        user: `c${index}`,
        start: index % 10 === 0 ? '' : `t=${nowMs - ((index * 370) % spreadMs)}`,
      }));
      const answers = await Promise.all(crowd.map(({ user, start }) => enter(user, id, start, gateway)));
      for (const answer of answers) assert.equal(answer.status, 202, answer.text);
      const stampOf = new Map(crowd.map(({ user }, index) => [user, Number(answers[index]?.body.stamp)]));
      assert.equal(new Set(stampOf.values()).size, 300, 'every stamp is unique');
      await eventually(async () => {
        const { rows } = await system.pool.query(
          'select user_id, stamp from entries where campaign_id = $1',
          [id],
        );
        return rows.length === 300 && rows.every(row => stampOf.get(row.user_id) === Number(row.stamp));
      });
      const ranked = await system.redis.zrange(system.keys.campaign(id).rank, 0, '-1');
      const byStamp = [...stampOf].sort(([, a], [, b]) => a - b).map(([user]) => user);
      assert.deepEqual(ranked, byStamp);
    };

    /** Asserts that every item in the log is after its gateway's earlier promises; returns how many slices are out of order. */
    const outOfOrderInLog = async (id: number): Promise<number> => {
      const openedUs = await opensAtUs(id);
      const { redisUrl, kafkaBrokers = '', databaseUrl } = serversFromEnv();
      const env = { LOG: log, REDIS_URL: redisUrl, DATABASE_URL: databaseUrl, KAFKA_BROKERS: kafkaBrokers };
      const partitions = await readLog(env, system.namespace, LOG_PARTITIONS);
      let outOfOrder = 0;
      for (const records of partitions.values()) {
        const promised = new Map<number, number>();
        for (const { incarnation, items, throughUs } of records.map(decodeRecord)) {
          const before = promised.get(incarnation) ?? 0;
          const own = items.filter(({ campaignId }) => campaignId === id);
          const instants = own.map(({ stamp }) => instantOf(stamp, openedUs));
          for (const us of instants) assert.ok(us > before, `${us} is not after the promise ${before}`);
          if (instants.some((us, index) => us < (instants[index - 1] ?? 0))) outOfOrder += 1;
          assert.ok(throughUs >= before, 'a promise never goes backward');
          promised.set(incarnation, throughUs);
        }
      }
      return outOfOrder;
    };

    /** Sends the client's header beside the one that its proxy added: the two cannot be told apart. */
    const sendTwice = async (id: number, user: string, us: number): Promise<string> => {
      const socket = connect(system.gateways[TRUSTING]?.port ?? 0, '127.0.0.1');
      const line = `X-Request-Start: t=${us}\r\n`;
      const authorization = `Authorization: Bearer ${await system.ticket(user)}\r\n`;
      socket.write(
        `POST /v1/campaigns/${id}/entries HTTP/1.1\r\nHost: a\r\n${authorization}${line}${line}\r\n`,
      );
      const [answer] = await once(socket, 'data');
      socket.destroy();
      return String(answer);
    };
  });
}
