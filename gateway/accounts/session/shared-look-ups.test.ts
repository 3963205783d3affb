import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SharedLookUps } from './shared-look-ups.ts';

interface Statement {
  readonly tokens: readonly string[];
  readonly answer: (valid: readonly string[]) => void;
  readonly fail: (error: Error) => void;
}

interface Started {
  readonly lookUps: SharedLookUps<{ token: string }>;
  readonly statements: readonly Statement[];
  /** The statement with that index, once it has been made. */
  readonly made: (index: number) => Promise<Statement>;
}

const MOST_TURNS = 100;

/** Each statement waits for its answer. */
function started(): Started {
  const statements: Statement[] = [];
  const lookUps = new SharedLookUps<{ token: string }>(
    tokens =>
      new Promise((resolve, reject) => {
        const answer = (valid: readonly string[]): void => resolve(valid.map(token => ({ token })));
        statements.push({ tokens, answer, fail: reject });
      }),
  );
  const made = async (index: number): Promise<Statement> => {
    for (let turn = 0; turn < MOST_TURNS; turn++) {
      const statement = statements[index];
      if (statement !== undefined) return statement;
      await nextTurn();
    }
    throw new Error(`there is no statement ${index}`);
  };
  return { lookUps, statements, made };
}

test('all who ask in one turn share a statement, and each gets their own session', async () => {
  const { lookUps, made } = started();
  const asked = ['a', 'b', 'a', 'c'].map(token => lookUps.find(token));
  const statement = await made(0);
  assert.deepEqual(statement.tokens, ['a', 'b', 'c']);
  statement.answer(['c', 'a']);
  assert.deepEqual(await Promise.all(asked), [{ token: 'a' }, undefined, { token: 'a' }, { token: 'c' }]);
});

test('who asks while a statement is under way is answered by a later one, which sees what was revoked', async () => {
  const { lookUps, statements, made } = started();
  const before = lookUps.find('a');
  const first = await made(0);
  const after = lookUps.find('a');
  await nextTurn();
  assert.equal(statements.length, 1);
  first.answer(['a']);
  assert.deepEqual(await before, { token: 'a' });
  (await made(1)).answer([]);
  assert.equal(await after, undefined);
});

test('a statement that fails does so for those who share it, and for nobody later', async () => {
  const { lookUps, made } = started();
  const failing = Promise.allSettled([lookUps.find('a'), lookUps.find('b')]);
  (await made(0)).fail(new Error('away'));
  assert.deepEqual(
    (await failing).map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  const later = lookUps.find('a');
  (await made(1)).answer(['a']);
  assert.deepEqual(await later, { token: 'a' });
});
