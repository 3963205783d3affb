/** Receipts as clients get them, verified with public data and the user's own id only. */
import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import Value from 'typebox/value';
import { isIncluded, leafHash } from '../../engine/contract/hashing/merkle.ts';
import { addKey, revokeKey } from '../../engine/contract/keys/key-files.ts';
import type { PublicKey } from '../../engine/contract/keys/signing-keys.ts';
import { leafData, whoOf } from '../../engine/contract/record/leaf.ts';
import { Receipt } from '../../engine/contract/record/receipt.ts';
import { ITEM_ENTRY } from '../../engine/contract/record/record.ts';
import { chainHash, decodeSignedHead } from '../../engine/contract/record/slice-head.ts';
import { availableLogs, eventually, spawnNode } from '../../engine/test/support.ts';
import { type Answer, type System, startSystem } from '../../engine/test/system.ts';
import type { HeadList, KeyList } from '../http/contract/published.ts';

const get = async <T>(system: System, path: string, gateway = 0): Promise<T> => {
  const response = await fetch(system.gateways[gateway]?.url + path);
  assert.equal(response.status, 200);
  return (await response.json()) as T;
};

const keysOf = async (system: System, gateway = 0): Promise<readonly PublicKey[]> =>
  (await get<KeyList>(system, '/v1/keys', gateway)).keys;

function isSigned(head: Buffer, keys: readonly PublicKey[]): boolean {
  const { keyId, signature } = decodeSignedHead(head);
  const known = keys.find(({ id, use }) => id === keyId.toString('hex') && use === 'slices');
  assert.ok(known !== undefined, 'the key is listed');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: known.public }, format: 'jwk' });
  return verify(null, head.subarray(0, 120), key, signature);
}

/** Checks that the answer's receipt proves this user's entry with the answer's stamp; returns it. */
function provenBy({ body }: Answer, user: string, keys: readonly PublicKey[]): Receipt {
  const { receipt } = body;
  assert.ok(Value.Check(Receipt, receipt), JSON.stringify(body));
  assert.deepEqual(
    [receipt.campaign, receipt.stamp, receipt.kind, receipt.source],
    [body.campaign, body.stamp, 1, 0],
  );
  const bytes = Buffer.from(receipt.head, 'base64url');
  const head = decodeSignedHead(bytes);
  assert.equal(head.gateway, receipt.stamp % 1_024);
  assert.ok(isSigned(bytes, keys));
  const who = whoOf(Buffer.from(receipt.salt, 'base64url'), user);
  const leaf = leafHash(
    leafData({ kind: ITEM_ENTRY, campaignId: receipt.campaign, stamp: receipt.stamp }, who),
  );
  const position = { leaf: receipt.leaf, count: head.count };
  assert.ok(
    isIncluded(leaf, position, Buffer.from(receipt.path, 'base64url'), head.root),
    'it leads to the root',
  );
  return receipt;
}

const me = (id: number): string => `/v1/campaigns/${id}/entries/me`;

for (const log of availableLogs()) {
  describe(`receipts over ${log}, two gateways`, () => {
    let system: System;
    before(async () => {
      system = await startSystem({ log, gateways: 2, gatewayEnv: { MAX_SLICE_ENTRIES: '40' } });
    });
    after(() => system.close());

    test('every entry of a burst gets a receipt that proves its stamp, and the same one later', async () => {
      const [id, other] = [
        await system.offer({ kind: 'raffle', winners: 1 }),
        await system.offer({ kind: 'raffle', winners: 1 }),
      ];
      const users = Array.from({ length: 150 }, (_, index) =>
        index % 40 === 7 ? `ünser-${index}`.padEnd(100, 'x') : `u${index}`,
      );
      const campaignOf = (index: number): number => (index % 5 === 0 ? other : id);
      const answers = await Promise.all(
        users.map((user, index) => system.enter(user, campaignOf(index), index % 2)),
      );
      const keys = await keysOf(system);
      assert.deepEqual(await keysOf(system, 1), keys);
      const leaves = new Set<string>();
      for (const [index, answer] of answers.entries()) {
        const { head, leaf } = provenBy(answer, users[index] ?? '', keys);
        leaves.add(`${head} ${leaf}`);
      }
      assert.equal(leaves.size, users.length, 'all leaves differ');
      for (const index of [0, 1, 7, 50, 149]) {
        const user = users[index] ?? '';
        const path = me(campaignOf(index));
        const first = answers[index]?.body.receipt;
        // From a gateway that has not stamped it: it reads the ledger, once the slice is there.
        const gateway = (index + 1) % 2;
        const again = await eventually(async () => {
          const answer = await system.ask(user, 'GET', path, { gateway });
          return answer.body.receipt !== undefined && answer;
        });
        assert.deepEqual(provenBy(again, user, keys), first);
        assert.deepEqual((await system.enter(user, campaignOf(index), gateway)).body.receipt, first);
      }
    });

    test('a new entry in a slice with repeats gets the receipt of its own slice', async () => {
      const id = await system.offer({ kind: 'raffle', winners: 1 });
      const keys = await keysOf(system);
      await Promise.all([1, 2, 3].map(index => system.enter(`early-${index}`, id)));
      const users = Array.from({ length: 30 }, (_, index) =>
        index < 3 ? `early-${index + 1}` : `late-${index}`,
      );
      const answers = await Promise.all(users.map(user => system.enter(user, id)));
      for (const [index, answer] of answers.entries()) {
        if (index >= 3) provenBy(answer, users[index] ?? '', keys);
      }
    });

    test('publishes all signed heads, in chains that cannot fork unnoticed', async () => {
      const id = await system.offer({ kind: 'coupon', stock: 5 });
      const last = await system.enter('the last one', id);
      const { head: lastHead } = provenBy(last, 'the last one', await keysOf(system));
      const keys = await keysOf(system);
      const heads = await eventually(async () => {
        const all: string[] = [];
        for (let next = ''; ; ) {
          const page = await get<HeadList>(system, `/v1/heads?after=${next}`);
          if (page.heads.length === 0) return all.includes(lastHead) && all;
          all.push(...page.heads);
          next = page.next;
        }
      });
      assert.equal(new Set(heads).size, heads.length);
      const previous = new Map<number, { chain: Buffer; number: number }>();
      for (const text of heads) {
        const bytes = Buffer.from(text, 'base64url');
        assert.ok(isSigned(bytes, keys));
        const head = decodeSignedHead(bytes);
        const before = previous.get(head.incarnation);
        assert.deepEqual(Buffer.from(head.previous), before?.chain ?? Buffer.alloc(32));
        assert.ok(head.sliceNumber > (before?.number ?? 0));
        previous.set(head.incarnation, { chain: chainHash(bytes), number: head.sliceNumber });
      }
      assert.equal(previous.size, 2);
    });
  });
}

describe('receipts during outages', () => {
  let system: System;
  const directory = mkdtempSync(join(tmpdir(), 'fairline-keys-'));
  const first = addKey(directory, 'slices', 1_000);
  before(async () => {
    system = await startSystem({
      log: 'redis',
      gatewayEnv: { SIGNING_KEY: '', SIGNING_KEYS_DIR: directory },
    });
    system.gateways.push(await system.startGateway({ DATABASE_URL: '' }));
    system.gateways.push(await system.startGateway({ RECEIPTS: 'off', SIGNING_KEYS_DIR: '' }));
  });
  after(async () => {
    await system.close();
    rmSync(directory, { recursive: true });
  });

  const signing = async (): Promise<string | undefined> => {
    const text = await (await fetch(`${system.gateways[0]?.url}/metrics`)).text();
    return /^fairline_signing (\d)$/m.exec(text)?.[1];
  };
  const keyIdOf = ({ body }: Answer): string => {
    assert.ok(Value.Check(Receipt, body.receipt), JSON.stringify(body));
    return decodeSignedHead(Buffer.from(body.receipt.head, 'base64url')).keyId.toString('hex');
  };

  test('without the ledger, entries continue with receipts, and only ledger reads fail', async () => {
    const id = await system.offer({ kind: 'raffle', winners: 1 });
    provenBy(await system.enter('alice', id, 1), 'alice', await keysOf(system, 1));
    const again = await system.enter('alice', id, 1);
    assert.deepEqual([again.status, again.body.receipt], [202, undefined]);
    const view = await system.ask('alice', 'GET', me(id), { gateway: 1 });
    assert.deepEqual([view.status, view.body.receipt], [200, undefined]);
    const heads = await fetch(`${system.gateways[1]?.url}/v1/heads`);
    assert.equal(heads.status, 503);
  });

  test('RECEIPTS=off signs nothing, and other gateways issue no receipt for it later', async () => {
    const id = await system.offer({ kind: 'raffle', winners: 1 });
    const entered = await system.enter('bob', id, 2);
    assert.deepEqual([entered.status, entered.body.receipt], [202, undefined]);
    await eventually(async () => {
      const { rows } = await system.pool.query('select from entries where campaign_id = $1', [id]);
      return rows.length === 1;
    });
    const view = await system.ask('bob', 'GET', me(id));
    assert.deepEqual([view.status, view.body.receipt], [200, undefined]);
  });

  test('loads a new key file without a restart and keeps the old key listed; a revoked key signs nothing', async () => {
    const id = await system.offer({ kind: 'raffle', winners: 1 });
    const before = await system.enter('before', id);
    assert.equal(keyIdOf(before), first.id);
    const second = addKey(directory, 'slices', Date.now() - 1);
    await eventually(async () => (await keysOf(system)).length === 2);
    const after = await system.enter('after', id);
    assert.equal(keyIdOf(after), second.id);
    const keys = await keysOf(system);
    assert.deepEqual(
      keys.map(({ id, until }) => [id, until]),
      [
        [first.id, new Date(second.fromMs).toISOString()],
        [second.id, null],
      ],
    );
    provenBy(before, 'before', keys);
    provenBy(after, 'after', keys);
    revokeKey(directory, second.id, Date.now());
    await eventually(async () => (await signing()) === '0');
    const unsigned = await system.enter('unsigned', id);
    assert.deepEqual(
      [unsigned.status, unsigned.body.receipt],
      [202, undefined],
      'entries are accepted without a receipt',
    );
    assert.ok((await keysOf(system)).some(key => key.id === second.id && key.revoked !== null));
    const third = addKey(directory, 'slices', Date.now());
    await eventually(async () => (await signing()) === '1');
    assert.equal(keyIdOf(await system.enter('signed', id)), third.id);
  });

  test('a gateway without a signing key refuses to start, and says how to fix it', async () => {
    const env = {
      RECEIPT_SALT_SECRET: 's'.repeat(32),
      TICKET_SECRET: 't'.repeat(32),
      SIGNING_KEY: '',
      SIGNING_KEYS_DIR: '',
    };
    const gateway = spawnNode('gateway/main.ts', { GATEWAY_PORT: '0', ...env });
    assert.equal(await gateway.ended, 1);
    assert.match(
      gateway.output(),
      /has a currently valid key for slices; run `npm run keys -- rotate slices`/,
    );
  });
});
