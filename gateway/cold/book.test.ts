/**
 * Downloads of books from a real PostgreSQL: in ranges, and with a ledger that becomes slow, or loses the gateway's connections,
 * in the middle of one. The book is of random bytes; engine/book has tests with real ones.
 */
import { deepEqual, equal, match, notEqual, ok, rejects } from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../engine/test/support.ts';
import { type System, startSystem, toAnswer } from '../../engine/test/system.ts';
import type { Connection } from '../../sql/database.ts';

/** As an engine makes them: none smaller than 256 KiB but the last one, and none like another. */
const SIZES = [262_144, 270_001, 262_145, 300_000, 262_144, 100_003];
const BOOK = randomBytes(SIZES.reduce((sum, size) => sum + size));
/** Parts from this one on cannot be read while a test holds GATE. */
const GATED = 3;
const BEFORE_GATE = SIZES.slice(0, GATED).reduce((sum, size) => sum + size);
const GATE = 4_242;
/** Of the other routes: a statement may take no longer. */
const LEDGER_TIMEOUT_MS = 200;

describe('a download of a book', () => {
  let system: System;
  let url = '';
  /** A campaign without a book. */
  let other = 0;

  before(async () => {
    system = await startSystem({
      log: 'redis',
      gatewayEnv: { LEDGER_TIMEOUT_MS: String(LEDGER_TIMEOUT_MS) },
    });
    const id = await system.offer({ kind: 'coupon', stock: 1 });
    other = await system.offer({ kind: 'coupon', stock: 1 });
    let from = 0;
    for (const [part, size] of SIZES.entries()) {
      const bytes = BOOK.subarray(from, from + size);
      await system.pool.query('insert into book_parts values ($1, $2, $3)', [id, part, bytes]);
      from += size;
    }
    await system.pool.query('insert into books (campaign_id, bytes) values ($1, $2)', [id, BOOK.length]);
    url = `${system.gateways[0]?.url}/v1/campaigns/${id}/book`;
    await system.pool.query(`
      alter table book_parts rename to stored_parts;
      create function passed(part integer) returns boolean language plpgsql as $$ begin
        if part >= ${GATED} then
          perform pg_advisory_lock_shared(${GATE});
          perform pg_advisory_unlock_shared(${GATE});
        end if;
        return true;
      end $$;
      create view book_parts as select * from stored_parts where passed(part)`);
  });
  after(() => system.close());

  /** Runs `work` while no statement passes the gate; `open` opens it. */
  const withGate = async (work: (open: () => Promise<void>) => Promise<void>): Promise<void> => {
    const holder: Connection = await system.pool.connect();
    const open = async () => void (await holder.query('select pg_advisory_unlock_all()'));
    try {
      await holder.query('select pg_advisory_lock($1)', [GATE]);
      await work(open);
    } finally {
      await open();
      holder.release();
    }
  };

  /** The connection that waits at the gate. */
  const waiting = (except = 0): Promise<number> =>
    eventually(async () => {
      const { rows } = await system.pool.query<{ pid: number }>(
        `select pid from pg_locks join pg_database on pg_database.oid = database
          where datname = current_database() and locktype = 'advisory' and not granted and objid = $1 and pid <> $2`,
        [GATE, except],
      );
      return rows[0]?.pid;
    });

  const get = (headers: Record<string, string> = {}): Promise<Response> => fetch(url, { headers });
  const bytesOf = async (response: Response): Promise<Buffer> => Buffer.from(await response.arrayBuffer());

  test('announces that ranges may be asked for', async () => {
    const response = await get();
    equal(response.status, 200);
    equal(response.headers.get('accept-ranges'), 'bytes');
    equal(response.headers.get('content-length'), String(BOOK.length));
    match(String(response.headers.get('etag')), /^"[\w-]+"$/);
    match(String(response.headers.get('cache-control')), /immutable/);
    ok((await bytesOf(response)).equals(BOOK));
    equal((await get()).headers.get('etag'), response.headers.get('etag'));
  });

  test('has any range', async () => {
    const [first = 0, second = 0] = SIZES;
    for (const [range, from, until] of [
      ['0-0', 0, 1],
      [`0-${first - 1}`, 0, first],
      [`${first - 1}-${first}`, first - 1, first + 1],
      [`${first}-`, first, BOOK.length],
      [`${first + second}-${first + second}`, first + second, first + second + 1],
      [`5-${BOOK.length}`, 5, BOOK.length],
      [`${BOOK.length - 1}-`, BOOK.length - 1, BOOK.length],
      ['-100004', BOOK.length - 100_004, BOOK.length],
    ] as const) {
      const response = await get({ range: `bytes=${range}` });
      equal(response.status, 206, range);
      equal(response.headers.get('content-range'), `bytes ${from}-${until - 1}/${BOOK.length}`);
      equal(response.headers.get('content-length'), String(until - from));
      ok((await bytesOf(response)).equals(BOOK.subarray(from, until)), range);
    }
  });

  test('refuses a range that begins after its end, and says how long it is', async () => {
    const { status, headers, body } = await toAnswer(await get({ range: `bytes=${BOOK.length}-` }));
    equal(status, 416);
    equal(headers.get('content-range'), `bytes */${BOOK.length}`);
    equal(body.type, 'urn:fairline:problem:range-not-satisfiable');
    match(String(body.detail), new RegExp(`${BOOK.length} bytes`));
  });

  test('is continued where it broke off, but not with another book', async () => {
    const got: Buffer[] = [];
    let etag = '';
    await withGate(async () => {
      const stop = new AbortController();
      const response = await fetch(url, { signal: stop.signal });
      etag = response.headers.get('etag') ?? '';
      const read = (async () => {
        for await (const chunk of response.body ?? []) {
          got.push(Buffer.from(chunk));
          if (Buffer.concat(got).length === BEFORE_GATE) stop.abort();
        }
      })();
      await rejects(read, { name: 'AbortError' });
    });
    const rest = await get({ range: `bytes=${BEFORE_GATE}-`, 'if-range': etag });
    equal(rest.status, 206);
    ok(Buffer.concat([...got, await bytesOf(rest)]).equals(BOOK));
    const another = await get({ range: `bytes=${BEFORE_GATE}-`, 'if-range': '"another"' });
    equal(another.status, 200);
    ok((await bytesOf(another)).equals(BOOK));
    const refused = await toAnswer(await get({ range: 'bytes=5-', 'if-match': '"another"' }));
    equal(refused.status, 412);
    equal(refused.body.type, 'urn:fairline:problem:precondition-failed');
    const known = await get({ 'if-none-match': etag });
    equal(known.status, 304);
    equal(known.headers.get('etag'), etag);
    equal((await bytesOf(known)).length, 0);
  });

  /** Other routes that need the ledger, which look nothing up in book_parts. */
  const othersAreServed = async (): Promise<void> => {
    const path = `${system.gateways[0]?.url}/v1/campaigns/${other}/book`;
    equal((await fetch(path)).status, 409);
    equal((await fetch(`${system.gateways[0]?.url}/v1/heads`)).status, 200);
  };

  test('waits for a slow part longer than other requests wait, and delays none of them', async () => {
    await withGate(async open => {
      const body = bytesOf(await get());
      const pid = await waiting();
      await sleep(3 * LEDGER_TIMEOUT_MS);
      equal(await waiting(), pid, 'the same attempt');
      await othersAreServed();
      await open();
      ok((await body).equals(BOOK));
    });
  });

  test('reads a part again whose statement takes too long', async () => {
    await withGate(async open => {
      const body = bytesOf(await get());
      notEqual(await waiting(await waiting()), 0);
      await othersAreServed();
      await open();
      ok((await body).equals(BOOK));
    });
  });

  test('survives losing its connection to the ledger, again and again', async () => {
    await withGate(async open => {
      const body = bytesOf(await get());
      let pid = await waiting();
      for (let count = 0; count < 3; count++) {
        const { rows } = await system.pool.query('select pg_terminate_backend($1) as done', [pid]);
        deepEqual(rows, [{ done: true }]);
        await othersAreServed();
        pid = await waiting(pid);
      }
      await open();
      ok((await body).equals(BOOK));
    });
  });
});
