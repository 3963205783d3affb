import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoginAttempts } from './login-attempts.ts';

function attemptsAt(clock: { nowMs: number }) {
  const attempts = new LoginAttempts(() => clock.nowMs);
  const may = (name: string, address: string): boolean => 'forgive' in attempts.take(name, address);
  return { attempts, may };
}

test('ten failures of a name from an address, then one in two minutes', () => {
  const clock = { nowMs: 1_000 };
  const { may } = attemptsAt(clock);
  const given = Array.from({ length: 12 }, () => may('Ada', '10.0.0.1'));
  assert.equal(given.filter(Boolean).length, 10);
  assert.ok(!may('ADA', '10.0.0.1'), 'in any letter case');
  assert.ok(may('Ada', '10.0.0.2'), 'another address has ten of its own');
  assert.ok(may('Grace', '10.0.0.1'), 'another name too');
  clock.nowMs += 120_000;
  assert.deepEqual([may('Ada', '10.0.0.1'), may('Ada', '10.0.0.1')], [true, false]);
});

test('one address never uses up what a name has from all of them', () => {
  const clock = { nowMs: 1_000 };
  const { may } = attemptsAt(clock);
  for (let minute = 0; minute < 500; minute++) {
    for (let each = 0; each < 5; each++) may('Ada', '10.0.0.1');
    clock.nowMs += 60_000;
  }
  assert.ok(may('Ada', '10.0.0.2'));
  const many = Array.from({ length: 100 }, (_, number) => may('Ada', `10.1.0.${number}`));
  assert.ok(many.filter(Boolean).length <= 50);
});

test('a success is uncounted, but costs its address a turn', () => {
  const { attempts, may } = attemptsAt({ nowMs: 1_000 });
  for (let login = 0; login < 60; login++) {
    const attempt = attempts.take('Ada', '10.0.0.1');
    assert.ok('forgive' in attempt, `login ${login}`);
    attempt.forgive();
  }
  assert.ok(!may('Ada', '10.0.0.1'));
  assert.ok(may('Ada', '10.0.0.2'));
});
