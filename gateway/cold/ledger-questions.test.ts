import { deepEqual, equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import type { Queryable } from '../../sql/database.ts';
import { Ledger, LedgerUnavailable } from './ledger.ts';
import { LedgerQuestions } from './ledger-questions.ts';

const PEOPLE = 10_000;

/** Connects to no database: only the questions matter. */
class LocalLedger extends Ledger {
  constructor() {
    super({ databaseUrl: '', timeoutMs: 1, log: pino({ level: 'silent' }) });
  }

  override async ask<T>(work: (db: Queryable) => Promise<T>): Promise<T> {
    return await work({ query: () => Promise.reject(new Error('nobody asks')) });
  }
}

test('batches ten thousand lookups into a dozen sequential statements, each with its own answer', async () => {
  const asked: number[] = [];
  let atOnce = 0;
  const questions = new LedgerQuestions(new LocalLedger(), async (_db, campaignId, userIds) => {
    asked.push(userIds.length);
    atOnce += 1;
    equal(atOnce, 1);
    await new Promise(setImmediate);
    atOnce -= 1;
    return userIds.filter(userId => userId !== 'nobody').map(userId => ({ userId, campaignId }));
  });
  const names = Array.from({ length: PEOPLE }, (_, index) => `user-${index}`);
  const answers = await Promise.all(names.map(name => questions.find(7, name)));
  deepEqual(
    answers,
    names.map(userId => ({ userId, campaignId: 7 })),
  );
  equal(await questions.find(7, 'nobody'), undefined);
  equal(asked.length, 12, asked.join(' '));
});

test('rejects all lookups while the ledger is unavailable, and resumes afterwards', async () => {
  let isDown = true;
  const questions = new LedgerQuestions(new LocalLedger(), async (_db, _campaignId, userIds) => {
    if (isDown) throw new LedgerUnavailable('it is down');
    return userIds.map(userId => ({ userId }));
  });
  await rejects(questions.find(7, 'ann'), LedgerUnavailable);
  isDown = false;
  deepEqual(await questions.find(7, 'ann'), { userId: 'ann' });
});
