import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { after, test } from 'node:test';
import { pino } from 'pino';
import { startProxyTo } from '../../engine/test/proxy.ts';
import { eventually, serversFromEnv } from '../../engine/test/support.ts';
import { Ledger, LedgerUnavailable } from './ledger.ts';

const log = pino({ level: 'silent' });
const ledgers: Ledger[] = [];
after(() => Promise.all(ledgers.map(ledger => ledger.close())));

function ledgerAt(databaseUrl: string, timeoutMs = 300): Ledger {
  const ledger = new Ledger({ databaseUrl, timeoutMs, log });
  ledgers.push(ledger);
  return ledger;
}

const one = async (ledger: Ledger): Promise<number> =>
  await ledger.ask(async db => (await db.query<{ one: number }>('select 1 as one')).rows[0]?.one ?? 0);

test('is unavailable without an address, after close, and where nothing listens', async () => {
  await assert.rejects(one(ledgerAt('')), LedgerUnavailable);
  await assert.rejects(one(ledgerAt('postgres://nobody@127.0.0.1:1/none')), LedgerUnavailable);
  const closed = ledgerAt(serversFromEnv().databaseUrl);
  await closed.close();
  await assert.rejects(one(closed), LedgerUnavailable);
});

test('is unavailable while the connection to Postgres is cut, and recovers by itself', async () => {
  const { proxy, url } = await startProxyTo(serversFromEnv().databaseUrl);
  const ledger = ledgerAt(url, 5_000);
  assert.equal(await one(ledger), 1);
  proxy.cut();
  await assert.rejects(one(ledger), LedgerUnavailable);
  proxy.mend();
  await eventually(async () => (await one(ledger)) === 1);
  await ledger.close();
  await proxy.close();
});

test('a Postgres that accepts connections but never answers delays only the first queries', async () => {
  const sockets = new Set<Socket>();
  const server = createServer(socket => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const ledger = ledgerAt(
    `postgres://nobody@127.0.0.1:${typeof address === 'object' ? address?.port : 0}/none`,
  );
  await assert.rejects(one(ledger), LedgerUnavailable);
  const asked = sockets.size;
  await assert.rejects(one(ledger), /a moment ago/);
  assert.equal(sockets.size, asked, 'it was not even tried');
  for (const socket of sockets) socket.destroy();
  server.close();
});

test('logs a statement that Postgres rejects as an error, and delays nobody', async () => {
  const lines: string[] = [];
  const ledger = new Ledger({
    databaseUrl: serversFromEnv().databaseUrl,
    timeoutMs: 5_000,
    log: pino({ level: 'error' }, { write: line => lines.push(line) }),
  });
  ledgers.push(ledger);
  await assert.rejects(
    ledger.ask(db => db.query('select nothing_of_the_kind')),
    LedgerUnavailable,
  );
  const [entry] = lines.map(line => JSON.parse(line));
  assert.equal(entry.msg, 'the ledger refused a statement');
  assert.match(entry.err.message, /nothing_of_the_kind/);
  assert.equal(await one(ledger), 1);
});
