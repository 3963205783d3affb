/**
 * How others put people in order, each in its plainest form, on node:http: one of several servers on the same Redis and
 * PostgreSQL. The path selects the way: `POST /<way>/<run>` answers 202 with `{"key":n}`, which orders the run.
 *
 * - database: one row per request, ordered by a sequence that the insert draws in PostgreSQL.
 * - buckets: one-minute buckets by the server's clock, with a random order inside, in a sorted set.
 * - incr: the next number of a counter in Redis.
 * - clock: the server's own clock, in milliseconds, as the score in a sorted set, where equal scores are ordered by name.
 */
import './skewed-clock.ts';
import { randomInt } from 'node:crypto';
import { createServer } from 'node:http';
import { Redis } from 'ioredis';
import pg from 'pg';
import { announce } from '../peers/lifecycle.ts';
import { ticketCheck, userOf } from '../peers/ticket-check.ts';

const {
  REDIS_URL = '',
  DATABASE_URL = '',
  TICKET_SECRET = '',
  TICKET_AUDIENCE = '',
  PORT = '0',
} = process.env;
/** With the connections of the other servers, still within PostgreSQL's limit. */
const CONNECTIONS = 16;
const BUCKET_MS = 60_000;
/** A bucket or a millisecond, and the order within it, are one number below 2^53. */
const IN_BUCKET = 2 ** 27;
const IN_MILLISECOND = 2 ** 12;

const redis = new Redis(REDIS_URL, { enableAutoPipelining: true });
const pool = new pg.Pool({ connectionString: DATABASE_URL, max: CONNECTIONS });
const check = ticketCheck(TICKET_SECRET, TICKET_AUDIENCE);

type Way = (run: string, user: string) => Promise<number>;

const ways: Readonly<Record<string, Way>> = {
  database: async (run, user) => {
    const { rows } = await pool.query({
      name: 'arrive',
      text: 'insert into arrivals (run, user_id) values ($1, $2) returning id::float8',
      values: [run, user],
    });
    return Number(rows[0]?.id);
  },
  buckets: async (run, user) => {
    const bucket = Math.floor(Date.now() / BUCKET_MS);
    const order = randomInt(IN_BUCKET);
    await redis.zadd(`${run}:${bucket}`, 'NX', order, user);
    return bucket * IN_BUCKET + order;
  },
  incr: run => redis.incr(run),
  clock: async (run, user) => {
    const atMs = Date.now();
    const name = randomInt(IN_MILLISECOND);
    await redis.zadd(run, 'NX', atMs, `${String(name).padStart(4, '0')}:${user}`);
    return atMs * IN_MILLISECOND + name;
  },
};

const server = createServer(async (request, response) => {
  const [, name = '', run = ''] = request.url?.split('/') ?? [];
  const user = userOf(check, request.headers.authorization?.replace('Bearer ', '') ?? '', Date.now());
  const way = ways[name];
  let status = 202;
  let body = '';
  if (user === undefined || way === undefined) status = user === undefined ? 401 : 404;
  else {
    try {
      body = JSON.stringify({ key: await way(run, user) });
    } catch (error) {
      status = 500;
      body = JSON.stringify({ error: String(error) });
    }
  }
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
});

server.listen(Number(PORT), '127.0.0.1', () => {
  const address = server.address();
  announce(typeof address === 'object' && address !== null ? address.port : 0, async () => {
    server.closeAllConnections();
    server.close();
    redis.disconnect();
    await pool.end();
  });
});
