import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  CHANGES_KEPT_US,
  getCouponCopy,
  putCouponCopy,
  readCouponNews,
  tellCouponsChanged,
} from '../../engine/contract/redis/coupons/copies.ts';
import { type Keys, keysOf } from '../../engine/contract/redis/keys.ts';
import { connectRedis, type RedisClient, waitForRedis } from '../../engine/contract/redis/redis.ts';
import { type NetworkProxy, startProxyTo } from '../../engine/test/proxy.ts';
import { eventually, serversFromEnv, testNamespace } from '../../engine/test/support.ts';
import type { CodeNow } from '../../sql/statements/coupons/coupons.ts';
import { CouponReads } from './reads.ts';
import { termsOf } from './testing/terms.ts';

const COUPON = 7;
let redis: RedisClient;
/** Another way to the same Redis, which can be cut. */
let proxy: NetworkProxy;
let proxied: RedisClient;

before(async () => {
  const { redisUrl } = serversFromEnv();
  const throughProxy = await startProxyTo(redisUrl);
  proxy = throughProxy.proxy;
  const options = { commandTimeoutMs: 1_000, onError: () => undefined };
  redis = connectRedis(redisUrl, options);
  proxied = connectRedis(throughProxy.url, options);
  await Promise.all([redis, proxied].map(client => waitForRedis(client, 10_000)));
});
after(async () => {
  redis.disconnect();
  proxied.disconnect();
  await proxy.close();
});

/** A ledger with one coupon, which counts how often it is asked; `used` is the coupon's number of uses. */
class OneCoupon {
  used = 0;
  asked = 0;
  /** Delays the answer, which shows the state at the time of the question. */
  answers: Promise<void> = Promise.resolve();
  nextLapse: Date | null = null;

  readonly read = async (code: string): Promise<CodeNow | undefined> => {
    this.asked += 1;
    const { used, nextLapse } = this;
    await this.answers;
    if (code === 'NONE') return undefined;
    const terms = termsOf({ limitTotal: 100 });
    const now = new Date();
    const coupon = {
      ...{ couponId: COUPON, campaignId: null, code, shop: 'cycles' },
      ...{ terms, restriction: null, createdAt: now, revision: 1, used },
    };
    return { code, holder: null, coupon, usedByHolder: 0, now, nextLapse };
  };
}

interface Fixture {
  readonly keys: Keys;
  readonly ledger: OneCoupon;
  /** Two gateways. */
  readonly here: CouponReads;
  readonly there: CouponReads;
}

/** `pollMs` is for the gateway `there`; `here` polls too seldom to matter. */
async function at(work: (fixture: Fixture) => Promise<void>, pollMs = 10): Promise<void> {
  const keys = keysOf(testNamespace());
  const ledger = new OneCoupon();
  const here = new CouponReads({ redis, keys, readCode: ledger.read, pollMs: 60_000 });
  const there = new CouponReads({ redis: proxied, keys, readCode: ledger.read, pollMs });
  try {
    await work({ keys, ledger, here, there });
  } finally {
    here.close();
    there.close();
  }
}

async function remaining(reads: CouponReads, code = 'CODE'): Promise<unknown> {
  const shown = await reads.read(code);
  if (shown === undefined) return undefined;
  assert.equal(shown.shop, 'cycles', 'whose it is comes with each copy');
  return JSON.parse(shown.body).remaining;
}

describe('reads of coupons', () => {
  test('a hot code costs the ledger one query, also over several gateways', () =>
    at(async ({ ledger, here, there, keys }) => {
      await Promise.all([remaining(here), remaining(here), remaining(here)]);
      await eventually(async () => (await getCouponCopy(redis, keys, 'CODE')).copy !== undefined);
      await remaining(there);
      assert.notEqual(there.held('CODE'), undefined, 'it is cached from now on');
      assert.equal(await remaining(there), 100);
      assert.equal(ledger.asked, 1);
      assert.equal(await remaining(here, 'NONE'), undefined);
    }));

  test('the gateway that changed a coupon shows it at once, the others after their next poll', () =>
    at(async ({ ledger, here, there }) => {
      assert.deepEqual([await remaining(here), await remaining(there)], [100, 100]);
      ledger.used = 1;
      await here.changed([COUPON]);
      assert.equal(await remaining(here), 99);
      await eventually(async () => (await remaining(there)) === 99);
      assert.equal(await remaining(here, 'OTHER'), 99);
    }));

  test('discards a copy read before a change, on every gateway', () =>
    at(async ({ keys, ledger, here, there }) => {
      let answer: () => void = () => undefined;
      ledger.answers = new Promise(resolve => {
        answer = resolve;
      });
      const late = [remaining(here), remaining(there)];
      await eventually(() => ledger.asked === 2);
      ledger.used = 1;
      ledger.answers = Promise.resolve();
      await here.changed([COUPON]);
      assert.equal(await remaining(here), 99, 'a read after the change does not wait for one from before it');
      answer();
      assert.deepEqual(await Promise.all(late), [100, 100], 'these reads began before the change');
      assert.equal(await remaining(here), 99);
      await eventually(async () => (await remaining(there)) === 99);
      const { copy } = await getCouponCopy(redis, keys, 'CODE');
      assert.equal(JSON.parse(copy?.body ?? '{}').remaining, 99);
    }));

  test('a copy expires when a hold expires', () =>
    at(async ({ ledger, here }) => {
      ledger.used = 1;
      ledger.nextLapse = new Date(Date.now() + 200);
      assert.equal(await remaining(here), 99);
      ledger.used = 0;
      ledger.nextLapse = null;
      await eventually(async () => (await remaining(here)) === 100);
    }));

  test('without Redis, shows no stale state for longer than the lifetime of a copy', () =>
    at(async ({ ledger, here, there }) => {
      assert.equal(await remaining(there), 100);
      proxy.cut();
      try {
        ledger.used = 1;
        await here.changed([COUPON]);
        await eventually(async () => (await remaining(there)) === 99);
        ledger.used = 2;
        assert.equal(await remaining(there), 98, 'nothing is cached that nobody would invalidate');
      } finally {
        proxy.mend();
      }
      await eventually(
        async () => (await readCouponNews(proxied, keysOf(testNamespace()), 0).catch(() => null)) !== null,
      );
    }));

  test('an emptied Redis makes every gateway read its copies again', () =>
    at(async ({ keys, ledger, here, there }) => {
      await here.changed([COUPON]);
      assert.equal(await remaining(there), 100);
      await eventually(async () => (await readCouponNews(redis, keys, 0)).version > 0);
      ledger.used = 1;
      await redis.del(keys.couponVersion, keys.couponChanges, keys.couponCopy('CODE'));
      await eventually(async () => (await remaining(there)) === 99);
    }));

  test('versions only increase, whatever Redis has lost', () =>
    at(async ({ keys }) => {
      await tellCouponsChanged(redis, keys, [1]);
      const before = await readCouponNews(redis, keys, 0);
      await redis.del(keys.couponVersion, keys.couponChanges);
      const { version, changes } = await readCouponNews(redis, keys, before.version);
      assert.deepEqual([version, changes.size], [0, 0]);
      await tellCouponsChanged(redis, keys, [2, 3]);
      const after = await readCouponNews(redis, keys, before.version);
      assert.ok(after.version > before.version);
      assert.deepEqual([...after.changes.keys()], [2, 3]);
    }));

  test('Redis forgets what changed long ago, and keeps and shows no copy from before', () =>
    at(async ({ keys }) => {
      const later = async (): Promise<void> => {
        const { version } = await readCouponNews(redis, keys, 0);
        await redis.set(keys.couponVersion, version + CHANGES_KEPT_US);
      };
      const shownOf = async (code: string): Promise<unknown> =>
        (await getCouponCopy(redis, keys, code)).copy?.body;
      await tellCouponsChanged(redis, keys, [1, 2]);
      const { version, run } = await readCouponNews(redis, keys, 0);
      const copy = { couponId: 9, version, run, shop: null, body: '{}', keepMs: 60_000 };
      await putCouponCopy(redis, keys, 'EARLY', copy);
      await later();
      assert.equal(await shownOf('EARLY'), '{}');
      await tellCouponsChanged(redis, keys, [3]);
      assert.deepEqual(await redis.zrange(keys.couponChanges, 0, '-1'), ['3']);
      assert.equal(await shownOf('EARLY'), undefined, 'it may have changed since');
      await putCouponCopy(redis, keys, 'LATE', copy);
      assert.equal(await shownOf('LATE'), undefined);
      const now = await readCouponNews(redis, keys, 0);
      await putCouponCopy(redis, keys, 'LATE', { ...copy, version: now.version });
      assert.equal(await shownOf('LATE'), '{}');
    }));
});
