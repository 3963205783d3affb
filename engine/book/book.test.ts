/** Books of real campaigns: entered through gateways, decided by an engine, downloaded, and verified by another process. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { gunzipSync, gzipSync } from 'node:zlib';
import { availableLogs, eventually } from '../test/support.ts';
import { type System, startSystem } from '../test/system.ts';

const run = promisify(execFile);
const CLI = join(import.meta.dirname, '../verify/bin.mjs');

/** The verifier's output, run as a process of its own. */
async function verify(...args: string[]): Promise<{ readonly code: number; readonly text: string }> {
  try {
    const { stdout } = await run(process.execPath, [CLI, ...args]);
    return { code: 0, text: stdout };
  } catch (error) {
    const { code, stdout, stderr } = Object(error);
    return { code: Number(code), text: `${stdout}${stderr}` };
  }
}

for (const log of availableLogs()) {
  describe(`books over ${log}, two gateways`, () => {
    let system: System;
    let directory: string;
    const receipts = new Map<string, string>();
    before(async () => {
      directory = await mkdtemp(join(tmpdir(), 'fairline-book-'));
      system = await startSystem({ log, gateways: 2, gatewayEnv: { TRUSTED_PROXIES: '127.0.0.0/8' } });
    });
    after(async () => {
      await system.close();
      await rm(directory, { recursive: true, force: true });
    });

    /** Lets users enter at both gateways at once, some timestamped by a proxy, and some twice. */
    const fill = async (id: number, users: number): Promise<void> => {
      const start = `t=${Date.now() - 20}`;
      await Promise.all(
        Array.from({ length: users }, async (_, number) => {
          const init = {
            gateway: number % 2,
            ...(number % 5 === 0 ? { headers: { 'x-request-start': start } } : {}),
          };
          const path = `/v1/campaigns/${id}/entries`;
          // Retrying after 503 is safe.
          await eventually(async () => {
            const { status, text, body } = await system.ask(`user ${number}`, 'POST', path, init);
            if (status === 503) return false;
            assert.equal(status, 202, text);
            receipts.set(`${id} user ${number}`, JSON.stringify(body.receipt));
            return true;
          });
          if (number % 7 === 0)
            await system.ask(`user ${number}`, 'POST', path, { gateway: (number + 1) % 2 });
        }),
      );
    };
    const download = async (id: number): Promise<string> => {
      await system.operate('POST', `/v1/campaigns/${id}/close`);
      const file = join(directory, `${id}.ndjson.gz`);
      await eventually(
        async () => {
          const answer = await fetch(`${system.gateways[1]?.url}/v1/campaigns/${id}/book`);
          if (answer.status === 200) await writeFile(file, Buffer.from(await answer.arrayBuffer()));
          else assert.equal(answer.status, 409, await answer.text());
          return answer.status === 200;
        },
        { timeoutMs: 180_000 },
      );
      return file;
    };

    it('coupon: the book and receipts verify, and changes are detected', async () => {
      const id = await system.offer({ kind: 'coupon', stock: 20 });
      await fill(id, 60);
      const leaving = await system.ask('user 59', 'DELETE', `/v1/campaigns/${id}/entries/me`);
      assert.ok([202, 409].includes(leaving.status), leaving.text);
      const book = await download(id);
      const whole = await verify(book);
      assert.equal(whole.code, 0, whole.text);
      assert.match(whole.text, /60 entries|^VALID/i);
      const receipt = join(directory, 'receipt.json');
      await writeFile(receipt, receipts.get(`${id} user 5`) ?? '');
      const own = await verify(book, '--receipt', receipt, '--user', 'user 5');
      assert.equal(own.code, 0, own.text);
      const another = await verify(book, '--receipt', receipt, '--user', 'user 6');
      assert.notEqual(another.code, 0, another.text);

      const changed = join(directory, 'changed.ndjson.gz');
      const text = gunzipSync(await readFile(book)).toString('utf8');
      await writeFile(changed, gzipSync(text.replace('"outcome":"sold_out"', '"outcome":"granted"')));
      const found = await verify(changed);
      assert.notEqual(found.code, 0, found.text);
    });

    it('coupon with claimed, lapsed, declined and passed-on offers', async () => {
      const id = await system.offer({ kind: 'coupon', stock: 6, waitlist: 8, claim_within_s: 5 });
      await fill(id, 30);
      const { rows } = await eventually(async () => {
        const offered = await system.pool.query<{ user_id: string }>(
          `select user_id from entry_outcomes where campaign_id = $1 and outcome = 'offered' order by serial`,
          [id],
        );
        return offered.rows.length === 6 && offered;
      });
      const [first, second, third] = rows.map(({ user_id }) => user_id);
      // The ledger has it a moment before gateways do.
      await eventually(async () => {
        const { body } = await system.ask(third ?? '', 'GET', `/v1/campaigns/${id}/entries/me`);
        return body.outcome === 'offered';
      });
      for (const [user, method, what] of [
        [first, 'POST', '/claim'],
        [second, 'POST', '/claim'],
        [third, 'DELETE', ''],
      ] as const) {
        const answer = await system.ask(user ?? '', method, `/v1/campaigns/${id}/entries/me${what}`);
        assert.equal(answer.status, 202, answer.text);
        if (user === first) receipts.set(`${id} claim`, JSON.stringify(answer.body.receipt));
      }
      const book = await download(id);
      const checked = await verify(book);
      assert.equal(checked.code, 0, checked.text);
      assert.match(checked.text, /2 were claimed, \d+ lapsed and 1 were declined/);
      const receipt = join(directory, 'claimed.json');
      await writeFile(receipt, receipts.get(`${id} ${first}`) ?? '');
      const own = await verify(book, '--receipt', receipt, '--user', first ?? '');
      const claim = join(directory, 'claim.json');
      await writeFile(claim, receipts.get(`${id} claim`) ?? '');
      const claimed = await verify(book, '--receipt', claim, '--user', first ?? '');
      assert.equal(claimed.code, 0, claimed.text);
      assert.match(own.text, /Outcome: claimed \(number 1\)/);
      const changed = join(directory, 'claims-changed.ndjson.gz');
      const text = gunzipSync(await readFile(book)).toString('utf8');
      await writeFile(changed, gzipSync(text.replace('"move":"lapsed"', '"move":"claimed"')));
      const found = await verify(changed);
      assert.match(found.text, /- claims: /);
      assert.notEqual(found.code, 0);
    });

    it('raffle with tiers, alternates and an exclusion: book and proof verify', async () => {
      const id = await system.offer({
        kind: 'raffle',
        tiers: [
          { name: 'first prize', winners: 1 },
          { name: 'second prize', winners: 4 },
        ],
        alternates: 3,
      });
      const entrants = [
        { user: 'user 3', excluded: 'works here' },
        { user: 'user 4', tickets: 5, group: 'family' },
      ];
      const put = await system.operate('PUT', `/v1/campaigns/${id}/entrants`, { entrants });
      assert.ok(put.status < 300, put.text);
      await fill(id, 40);
      const book = await download(id);
      const proof = join(directory, 'proof.json');
      const answer = await fetch(`${system.gateways[0]?.url}/v1/campaigns/${id}/proof`);
      assert.equal(answer.status, 200);
      await writeFile(proof, await answer.text());
      const shown = await fetch(`${system.gateways[0]?.url}/v1/campaigns/${id}`);
      const { pool_root: poolRoot } = Object(await shown.json());
      const checked = await verify(book, '--proof', proof, '--pool-root', poolRoot);
      assert.equal(checked.code, 0, checked.text);
      assert.match(checked.text, /The pool has the noted root/);
    });
  });
}
