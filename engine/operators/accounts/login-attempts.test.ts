import assert from 'node:assert/strict';
import { test } from 'node:test';
import { networkOf } from '../../contract/clients/network.ts';
import type { KnownDevice } from '../../contract/limits/device-cookies.ts';
import { LoginAttempts } from './login-attempts.ts';

const GRACE = 7;

function attemptsAt(clock: { nowMs: number }) {
  const attempts = new LoginAttempts(() => clock.nowMs);
  const isFree = (asked: object): boolean => 'forgive' in asked;
  /** Whether a stranger at this address may guess. */
  const may = (name: string, address: string): boolean => {
    const network = networkOf(address);
    return isFree(attempts.fromNetwork(network)) && isFree(attempts.ofStranger(name, network));
  };
  const mayBy = (device: KnownDevice): boolean =>
    isFree(attempts.fromDevice(device)) && isFree(attempts.ofDevice(GRACE, device));
  return { attempts, may, mayBy };
}

function countOf(times: number, isOne: (time: number) => boolean): number {
  return Array.from({ length: times }, (_, time) => isOne(time)).filter(Boolean).length;
}

test('ten failures of a name from a network, then one in two minutes', () => {
  for (const [address, neighbour, elsewhere] of [
    ['10.0.0.1', '10.0.0.200', '10.0.1.1'],
    ['2001:db8:0:1::1', '2001:db8:0:1:ffff::9', '2001:db8:0:2::1'],
    ['::ffff:203.0.113.1', '203.0.113.9', '::ffff:203.0.112.1'],
  ] as const) {
    const clock = { nowMs: 1_000 };
    const { may } = attemptsAt(clock);
    assert.equal(
      countOf(12, () => may('ada', address)),
      10,
      address,
    );
    assert.ok(!may('ada', neighbour), 'another address of the network has none of its own');
    assert.ok(may('ada', elsewhere), 'another network has ten of its own');
    assert.ok(may('grace', address), 'another name too');
    clock.nowMs += 120_000;
    assert.deepEqual([may('ada', address), may('ada', neighbour)], [true, false]);
  }
});

test('one network never uses up what a name has from all of them, however many addresses it has', () => {
  const clock = { nowMs: 1_000 };
  const { may } = attemptsAt(clock);
  let address = 0;
  for (let minute = 0; minute < 600; minute++) {
    for (let each = 0; each < 5; each++) may('ada', `2001:db8:0:1::${(++address).toString(16)}`);
    clock.nowMs += 60_000;
    if (minute % 60 === 59) assert.ok(may('ada', '10.0.0.2'), `after ${minute} minutes`);
  }
  const many = countOf(100, number => may('ada', `10.1.${number}.0`));
  assert.ok(many > 0 && many <= 50, `${many}`);
});

test('a browser that has logged in before keeps its way in, whatever networks do, its own included', () => {
  const clock = { nowMs: 1_000 };
  const { may, mayBy } = attemptsAt(clock);
  const hers = { id: 'hers', credentialVersion: 'now' };
  for (let minute = 0; minute < 60; minute++) {
    countOf(200, number => may('grace', `203.0.${number}.7`));
    assert.ok(!may('grace', '198.51.100.7'), 'a stranger');
    assert.ok(mayBy(hers), `minute ${minute}`);
    clock.nowMs += 120_000;
  }
  const times = countOf(100, () => mayBy(hers));
  assert.ok(times >= 9 && times <= 11, 'and guesses no more often');
});

test('known browsers of an account have a bound together, which one of them or void ones cannot use up', () => {
  const clock = { nowMs: 1_000 };
  const device = (id: string, credentialVersion = 'now') => ({ id, credentialVersion });
  const { mayBy } = attemptsAt(clock);
  for (let minute = 0; minute < 200; minute++) {
    countOf(30, () => mayBy(device('stolen')));
    clock.nowMs += 60_000;
    if (minute % 10 === 9) assert.ok(mayBy(device('hers')), `after ${minute} minutes`);
  }
  clock.nowMs += 86_400_000;
  for (let number = 0; number < 100; number++) mayBy(device(`void ${number}`, 'former'));
  assert.equal(
    countOf(100, number => mayBy(device(`made ${number}`))),
    50,
  );
});

test('a guess in a session has a limit of its own', () => {
  const { attempts, may } = attemptsAt({ nowMs: 1_000 });
  countOf(200, number => may('grace', `203.0.${number}.7`));
  assert.equal(
    countOf(20, () => 'forgive' in attempts.inSession(GRACE)),
    10,
  );
  assert.ok('forgive' in attempts.inSession(GRACE + 1));
});

test('a success is uncounted, but costs its network a turn', () => {
  const { attempts, may } = attemptsAt({ nowMs: 1_000 });
  const network = '10.0.0.0';
  for (let login = 0; login < 60; login++) {
    for (const asked of [attempts.fromNetwork(network), attempts.ofStranger('ada', network)]) {
      assert.ok('forgive' in asked, `login ${login}`);
      asked.forgive();
    }
  }
  assert.ok(!may('ada', '10.0.0.1'));
  assert.ok(may('ada', '10.0.1.1'));
});

test('a network, a site and all unknown networks have a bound each for logins of any names', () => {
  const { may } = attemptsAt({ nowMs: 1_000 });
  const hex = (number: number): string => number.toString(16);
  assert.equal(
    countOf(5_000, number => may(`name ${number}`, `2001:db8:0:1::${hex(number)}`)),
    60,
  );
  assert.equal(
    countOf(5_000, number => may(`name ${number}`, `2001:db8:1:${hex(number)}::1`)),
    240,
    'of a /48',
  );
  assert.equal(
    countOf(5_000, number => may(`name ${number}`, '')),
    240,
    'of nobody knows where',
  );
});
