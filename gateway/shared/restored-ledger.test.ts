/**
 * PostgreSQL is restored from a backup while gateways run on, as OPERATING.md ("Backup and restore") describes it. What was
 * decided after the backup is decided again from the log; campaigns that were made after it are gone.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { type EventStream, openEvents } from '../../engine/test/events.ts';
import { brokenInvariants } from '../../engine/test/gateway.ts';
import { availableLogs, eventually, serversFromEnv } from '../../engine/test/support.ts';
import { type System, startSystem } from '../../engine/test/system.ts';

/** What an engine logs that finds the ledger restored. */
const OLDER = /the ledger is older than the board/;

/** A backup of a suite's database, as a database of its own. */
class Backup {
  readonly #database: string;
  readonly #name: string;

  private constructor(database: string) {
    this.#database = database;
    this.#name = `${database}_backup`;
  }

  /** Copies the database. PostgreSQL requires that nobody is connected to it. */
  static async of({ pool }: System): Promise<Backup> {
    const { rows } = await pool.query('select current_database() as name');
    const backup = new Backup(String(rows[0]?.name));
    await backup.#copy(backup.#database, backup.#name);
    return backup;
  }

  async restore(): Promise<void> {
    await this.#asAdministrator(client => client.query(`drop database ${this.#database} with (force)`));
    await this.#copy(this.#name, this.#database);
  }

  async drop(): Promise<void> {
    await this.#asAdministrator(client => client.query(`drop database if exists ${this.#name} with (force)`));
  }

  async #copy(from: string, to: string): Promise<void> {
    await this.#asAdministrator(async client => {
      await client.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [from]);
      // Connections end a moment later.
      await eventually(() => client.query(`create database ${to} template ${from}`));
    });
  }

  async #asAdministrator(work: (client: pg.Client) => Promise<unknown>): Promise<void> {
    const client = new pg.Client({ connectionString: serversFromEnv().databaseUrl });
    await client.connect();
    await work(client).finally(() => client.end());
  }
}

for (const log of availableLogs()) {
  describe(`a ledger that is restored beside a running gateway, over ${log}`, () => {
    let system: System;
    let backup: Backup | undefined;
    before(async () => {
      system = await startSystem({ log, gateways: 1 });
    });
    after(async () => {
      await system.close();
      await backup?.drop();
    });

    const watch = async (user: string, campaign: number): Promise<EventStream> =>
      await openEvents(`${system.gateways[0]?.url}/v1/campaigns/${campaign}/queue`, {
        authorization: `Bearer ${await system.ticket(user)}`,
      });
    const outcomeOf = async (user: string, campaign: number): Promise<unknown> =>
      (await system.ask(user, 'GET', `/v1/campaigns/${campaign}/entries/me`)).body.outcome;
    const entrants = async (campaign: number): Promise<readonly string[]> => {
      const { rows } = await system.pool.query<{ user_id: string }>(
        'select user_id from entries where campaign_id = $1 order by stamp',
        [campaign],
      );
      return rows.map(row => row.user_id);
    };
    const accepted = async (user: string, campaign: number): Promise<void> => {
      const { status, text } = await system.enter(user, campaign);
      assert.equal(status, 202, text);
    };

    test('goes on with its campaigns, and is honest about those that are gone', async () => {
      const kept = await system.offer({ kind: 'coupon', stock: 10 });
      const drawn = await system.offer({ kind: 'raffle', winners: 1 });
      await eventually(async () => (await system.enter('saved', kept)).status === 202);
      await eventually(async () => (await outcomeOf('saved', kept)) === 'granted');
      await eventually(async () => (await system.enter('waits', drawn)).status === 202);
      await eventually(async () => (await entrants(drawn)).length === 1);
      const watching = await watch('waits', drawn);
      let isWatching = true;
      void watching.ended.then(() => {
        isWatching = false;
      });
      await system.engine.process.stop();
      backup = await Backup.of(system);
      system.engine = await system.startEngine();

      // Nothing is lost yet.
      assert.doesNotMatch(system.engine.process.output(), OLDER);
      const gone = await system.offer({ kind: 'raffle', winners: 1 });
      await eventually(async () => (await system.enter('lost', gone)).status === 202);
      let isLost = false;
      void (await watch('lost', gone)).ended.then(() => {
        isLost = true;
      });
      await accepted('later', kept);
      await eventually(async () => (await outcomeOf('later', kept)) === 'granted');
      await eventually(async () => (await entrants(gone)).length === 1);

      await system.engine.process.stop();
      // The gateway runs on, and the log keeps what it accepts.
      await accepted('lost-too', gone);
      await accepted('during', kept);
      await backup.restore();
      system.engine = await system.startEngine();

      await eventually(() => isLost);
      assert.match(system.engine.process.output(), OLDER);
      await eventually(async () => (await fetch(`${system.gateways[0]?.url}/readyz`)).ok);
      const answers = [
        await fetch(`${system.gateways[0]?.url}/v1/campaigns/${gone}`),
        await system.enter('lost', gone),
        await system.ask('lost', 'GET', `/v1/campaigns/${gone}/entries/me`),
        await watch('lost', gone),
        await system.operate('GET', `/v1/campaigns/${gone}`),
      ];
      assert.deepEqual(
        answers.map(({ status }) => status),
        [404, 404, 404, 404, 404],
      );
      // A Redis log is trimmed up to the ledger that was lost.
      const [dead, entered] = log === 'kafka' ? [2, ['saved', 'later', 'during']] : [1, ['saved', 'during']];
      await eventually(async () => {
        const { rows } = await system.pool.query('select reason from dead_letters');
        assert.ok(rows.every(({ reason }) => reason === 'no such campaign'));
        return rows.length >= dead;
      });

      await eventually(async () => {
        const users = await entrants(kept);
        return entered.every(user => users.includes(user));
      });
      for (const user of entered) await eventually(async () => (await outcomeOf(user, kept)) === 'granted');
      // Codes of repeated decisions are new: those that were told before the restore are not told any more.
      const { rows: grants } = await system.pool.query('select user_id, code from grants');
      for (const { user_id, code } of grants) {
        const own = await system.ask(user_id, 'GET', `/v1/campaigns/${kept}/entries/me`);
        assert.equal(own.body.code, code);
      }
      await accepted('after', kept);
      await eventually(async () => (await outcomeOf('after', kept)) === 'granted');
      await accepted('waits', drawn);
      assert.deepEqual(await entrants(drawn), ['waits']);
      assert.equal(await outcomeOf('waits', drawn), 'waiting');
      assert.ok(isWatching);
      watching.close();
      // Receipts may name the campaign that is gone.
      assert.equal(await system.offer({ kind: 'coupon', stock: 1 }), gone + 1);
      assert.deepEqual(await brokenInvariants(system.pool), []);
    });
  });
}
