/**
 * Rules cannot change once entries exist, including entries of uncommitted transactions: tested on real sessions with direct
 * SQL.
 */
import assert from 'node:assert/strict';
import { after, afterEach, describe, it } from 'node:test';
import pg from 'pg';
import { eventually, testDatabase } from '../../../engine/test/support.ts';
import { openPool } from '../../database.ts';
import { createCampaign } from './campaigns.ts';

const database = await testDatabase();
const pool = openPool(database.url, { max: 2, applicationName: 'test', onError: () => undefined });
const sessions: pg.Client[] = [];
afterEach(async () => {
  for (const each of sessions.splice(0)) await each.end();
});
after(async () => {
  await pool.end();
  await database.drop();
});

const HOUR = 3_600_000;
const CHANGE = `update campaigns set title = 'another' where campaign_id = $1`;
const ENTER = `insert into entries values ($1, $2, $3)`;

async function session(begin = 'begin'): Promise<pg.Client> {
  const made = new pg.Client({ connectionString: database.url });
  await made.connect();
  sessions.push(made);
  await made.query(begin);
  return made;
}

/** A coupon without rules, so that direct SQL may change it until somebody has entered. */
async function campaign(): Promise<number> {
  const window = { opensAt: new Date(Date.now() - HOUR), closesAt: new Date(Date.now() + HOUR) };
  return (await createCampaign(pool, { kind: 'coupon', title: 'x', stock: 3, ...window })).campaignId;
}

async function titleOf(id: number): Promise<unknown> {
  const { rows } = await pool.query<{ title: string }>('select title from campaigns where campaign_id = $1', [
    id,
  ]);
  return rows[0]?.title;
}

/** Runs a query of a session and waits until it waits for another session's lock. */
async function held<T>(
  client: pg.Client,
  text: string,
  values: readonly unknown[],
): Promise<{ end: Promise<T> }> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  const end = client.query(text, [...values]) as Promise<T>;
  // The caller handles the rejection, but awaits it only later.
  end.catch(() => undefined);
  await eventually(async () => {
    const found = await pool.query(
      `select from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'`,
      [rows[0]?.pid],
    );
    return found.rowCount === 1;
  });
  return { end };
}

describe('the rules of a campaign', () => {
  it('stay while an entry is uncommitted, and a change waits for it', async () => {
    const id = await campaign();
    const [entering, changing] = [await session(), await session()];
    await entering.query(ENTER, [id, 'ann', 1]);
    const { end } = await held(changing, CHANGE, [id]);
    await entering.query('commit');
    await assert.rejects(end, { constraint: 'campaigns_rules' });
    assert.equal(await titleOf(id), 'x');
  });

  it('change after the entries they waited for roll back', async () => {
    const id = await campaign();
    const [entering, changing] = [await session(), await session()];
    await entering.query(ENTER, [id, 'ann', 1]);
    const { end } = await held(changing, CHANGE, [id]);
    await entering.query('rollback');
    await end;
    await changing.query('commit');
    assert.equal(await titleOf(id), 'another');
  });

  it('change before entries that queue behind the change', async () => {
    const id = await campaign();
    const [entering, changing] = [await session(), await session()];
    await changing.query(CHANGE, [id]);
    const { end } = await held(entering, ENTER, [id, 'ann', 1]);
    await changing.query('commit');
    await end;
    await entering.query('commit');
    assert.equal(await titleOf(id), 'another');
    const third = `update campaigns set title = 'a third' where campaign_id = $1`;
    await assert.rejects(pool.query(third, [id]), { constraint: 'campaigns_rules' });
  });

  it('do not change under an isolation level that misses concurrent entries', async () => {
    const id = await campaign();
    for (const level of ['repeatable read', 'serializable']) {
      const changing = await session(`begin isolation level ${level}`);
      await assert.rejects(changing.query(CHANGE, [id]), { constraint: 'campaigns_isolation' });
    }
  });

  it('block no settling and no other entries while somebody enters', async () => {
    const id = await campaign();
    const [entering, another, settling] = [await session(), await session(), await session()];
    await settling.query(`set local lock_timeout = '1ms'`);
    await entering.query(ENTER, [id, 'ann', 1]);
    await another.query(`set local lock_timeout = '1ms'`);
    await another.query(ENTER, [id, 'bob', 2]);
    const taken = await settling.query(
      'select from campaigns where campaign_id = $1 for no key update skip locked',
      [id],
    );
    assert.equal(taken.rowCount, 1);
    await settling.query('update campaigns set settled_count = settled_count where campaign_id = $1', [id]);
    await another.query(ENTER, [id, 'cid', 3]);
  });

  it('are locked for each campaign of a multi-row insert', async () => {
    const ids = [await campaign(), await campaign(), await campaign()];
    const [entering, changing] = [await session(), await session()];
    await entering.query(`insert into entries select id, 'ann', 1 from unnest($1::integer[]) id`, [ids]);
    const { end } = await held(changing, CHANGE, [ids[1]]);
    await entering.query('commit');
    await assert.rejects(end, { constraint: 'campaigns_rules' });
  });
});
