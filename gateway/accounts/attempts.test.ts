import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Attempts } from './attempts.ts';

const secret = 'a secret of accounts, of 32 characters or more';
const address = 'ada@example.com';
const VERSION = 'a3b1c5d7-0000-4000-8000-000000000001';

function isPermitted(attempts: Attempts, network: string, cookies = '', of = address): boolean {
  const device = attempts.knownDevice(of, cookies);
  return 'forgive' in attempts.login({ address: of, network, device });
}

/** How many fail before the next is refused. */
function failures(attempts: Attempts, network: string, cookies = '', of = address): number {
  let count = 0;
  while (count < 1_000 && isPermitted(attempts, network, cookies, of)) count += 1;
  return count;
}

function cookieFor(attempts: Attempts, of = address): string {
  return attempts.deviceCookie(of, VERSION).split(';')[0] ?? '';
}

test('a network gets ten wrong passwords for an account, then one in two minutes', () => {
  let nowMs = 0;
  const attempts = new Attempts(secret, () => nowMs);
  assert.equal(failures(attempts, '203.0.113.0'), 10);
  assert.deepEqual(attempts.login({ address, network: '203.0.113.0' }), { waitMs: 120_000 });
  assert.ok(isPermitted(attempts, '198.51.100.0'), 'another network');
  assert.ok(isPermitted(attempts, '203.0.113.0', '', 'bob@example.com'), 'another account');
  nowMs = 120_000;
  assert.equal(failures(attempts, '203.0.113.0'), 1);
});

test('a login that succeeds does not count', () => {
  let nowMs = 0;
  const attempts = new Attempts(secret, () => nowMs);
  for (let login = 0; login < 1_000; login++) {
    nowMs += 100;
    const permitted = attempts.login({ address, network: '203.0.113.0' });
    assert.ok('forgive' in permitted);
    permitted.forgive();
  }
});

test('many networks together get a hundred, and cannot lock out a browser that has logged in before', () => {
  const attempts = new Attempts(secret, () => 0);
  const device = cookieFor(attempts);
  let count = 0;
  for (let network = 0; network < 50; network++) count += failures(attempts, `203.0.${network}.0`);
  assert.equal(count, 100);
  assert.ok(!isPermitted(attempts, '192.0.2.0'), 'a stranger');
  assert.equal(
    failures(attempts, '203.0.1.0', device),
    10,
    'the browser, even in the network of the guesser',
  );
  assert.equal(
    failures(attempts, '192.0.2.0', cookieFor(attempts)),
    10,
    'another browser of the same person',
  );
});

test('known browsers of one account get thirty together, however many somebody has made', () => {
  const attempts = new Attempts(secret, () => 0);
  let count = 0;
  for (let device = 0; device < 20; device++) count += failures(attempts, '192.0.2.0', cookieFor(attempts));
  assert.equal(count, 30);
  assert.ok(isPermitted(attempts, '192.0.2.0'), 'a new browser');
});

test('a device cookie says at which credential version of the account it was made', () => {
  const attempts = new Attempts(secret, () => 0);
  assert.equal(attempts.knownDevice(address, cookieFor(attempts))?.credentialVersion, VERSION);
  const other = cookieFor(attempts).replace(VERSION, VERSION.replace('a', 'b'));
  assert.equal(attempts.knownDevice(address, other), undefined, 'not a changed one');
});

test('one network gets three hundred over all accounts', () => {
  const attempts = new Attempts(secret, () => 0);
  let count = 0;
  for (let account = 0; account < 100; account++) {
    count += failures(attempts, '203.0.113.0', '', `fan-${account}@example.com`);
  }
  assert.equal(count, 300);
  assert.ok(isPermitted(attempts, '198.51.100.0', '', 'fan-99@example.com'));
});

test('a device cookie that was forged, or is for another account, counts as none', () => {
  const attempts = new Attempts(secret, () => 0);
  const forged = [
    cookieFor(attempts, 'eve@example.com'),
    cookieFor(new Attempts('another secret of 32 characters or more', () => 0)),
    cookieFor(attempts).replace(/.$/, each => (each === 'A' ? 'B' : 'A')),
    '__Host-fairline_device=x',
    '__Host-fairline_device=',
  ];
  failures(attempts, '203.0.113.0');
  for (const cookies of forged) assert.ok(!isPermitted(attempts, '203.0.113.0', cookies), cookies);
});

test('a network over its limit adds no buckets, and neither do logins that succeed', () => {
  const attempts = new Attempts(secret, () => 0);
  for (let each = 0; each < 2_000; each++)
    isPermitted(attempts, '203.0.113.0', '', `fan-${each}@example.com`);
  assert.equal(attempts.kept, 300);
  const permitted = attempts.login({ address: 'bob@example.com', network: '198.51.100.0' });
  assert.ok('forgive' in permitted);
  permitted.forgive();
  assert.equal(attempts.kept, 300);
});

test('one network gets three hundred logins at once, right or wrong, and ten in a second', () => {
  let nowMs = 0;
  const attempts = new Attempts(secret, () => nowMs);
  const succeed = (network: string, of: string): boolean => {
    const permitted = attempts.login({ address: of, network });
    if ('forgive' in permitted) permitted.forgive();
    return 'forgive' in permitted;
  };
  let count = 0;
  for (let login = 0; login < 400; login++)
    count += succeed('203.0.113.0', `fan-${login}@example.com`) ? 1 : 0;
  assert.equal(count, 300);
  assert.ok(succeed('198.51.100.0', 'fan-399@example.com'), 'another network');
  nowMs = 1_000;
  let more = 0;
  for (let login = 0; login < 20; login++) more += succeed('203.0.113.0', 'bob@example.com') ? 1 : 0;
  assert.equal(more, 10);
});

test('one network gets three hundred e-mails over all addresses', () => {
  const attempts = new Attempts(secret, () => 0);
  let count = 0;
  for (let asked = 0; asked < 400; asked++) {
    count +=
      'forgive' in attempts.mail({ address: `fan-${asked}@example.com`, network: '203.0.113.0' }) ? 1 : 0;
  }
  assert.equal(count, 300);
  assert.ok('forgive' in attempts.mail({ address, network: '198.51.100.0' }));
});

test('five e-mails for an address from a network, ten of a kind from all; the rest is not sent', () => {
  const attempts = new Attempts(secret, () => 0);
  const asked = (network: string): number => {
    let count = 0;
    while (count < 100 && 'forgive' in attempts.mail({ address, network })) count += 1;
    return count;
  };
  assert.equal(asked('203.0.113.0'), 5);
  assert.equal(asked('198.51.100.0'), 5);
  let sent = 0;
  while (sent < 100 && attempts.maySendTo(address, 'exists')) sent += 1;
  assert.equal(sent, 10);
  assert.ok(attempts.maySendTo(address, 'reset'), 'those without a link keep no reset away');
});

test('who fills a network keeps no known browser of it out, nor does who has used another version of its cookie up', () => {
  const attempts = new Attempts(secret, () => 0);
  for (let each = 0; each < 400; each++) isPermitted(attempts, '203.0.113.0', '', `fan-${each}@example.com`);
  assert.ok(!isPermitted(attempts, '203.0.113.0'), 'a stranger');
  const thief = attempts.deviceCookie(address, VERSION.replace('a', 'b')).split(';')[0] ?? '';
  failures(attempts, '203.0.113.0', thief);
  for (let device = 0; device < 5; device++) {
    const made = attempts.deviceCookie(address, VERSION.replace('a', 'b')).split(';')[0] ?? '';
    failures(attempts, '203.0.113.0', made);
  }
  assert.equal(failures(attempts, '203.0.113.0', cookieFor(attempts)), 10);
});

test('what was not done has cost nothing', () => {
  const attempts = new Attempts(secret, () => 0);
  for (let each = 0; each < 1_000; each++) {
    const permitted = attempts.login({ address, network: '203.0.113.0' });
    assert.ok('undo' in permitted);
    permitted.undo();
    permitted.forgive();
  }
  assert.equal(attempts.kept, 0);
});

test('an IPv6 site and all unknown networks have a bound of their own', () => {
  const attempts = new Attempts(secret, () => 0);
  const logins = (network: (each: number) => string): number => {
    let count = 0;
    for (let each = 0; each < 2_000; each++) {
      const permitted = attempts.login({ address: `fan-${each}@example.com`, network: network(each) });
      if (!('forgive' in permitted)) continue;
      permitted.forgive();
      count += 1;
    }
    return count;
  };
  assert.equal(
    logins(each => `2001:db8:1:${each.toString(16)}::`),
    1_200,
  );
  assert.ok(isPermitted(attempts, '2001:db8:2:1::'), 'another site');
  assert.equal(
    logins(() => ''),
    1_200,
  );
});

test('e-mails that others of the network have wished for keep no reset away, and nothing keeps one from a known browser', () => {
  const attempts = new Attempts(secret, () => 0);
  const network = '203.0.113.0';
  const wishes = (isReset: boolean): number => {
    let count = 0;
    for (let each = 0; each < 400; each++)
      count += 'forgive' in attempts.mail({ address: `fan-${each}@example.com`, network, isReset }) ? 1 : 0;
    return count;
  };
  assert.equal(wishes(false), 300);
  assert.ok('forgive' in attempts.mail({ address, network, isReset: true }));
  assert.equal(wishes(true), 299);
  assert.ok('waitMs' in attempts.mail({ address, network, isReset: true }));
  const device = attempts.knownDevice(address, cookieFor(attempts));
  assert.ok('forgive' in attempts.mail({ address, network, device, isReset: true }));
});

test('a link may be used thirty times, then once a minute', () => {
  let nowMs = 0;
  const attempts = new Attempts(secret, () => nowMs);
  for (let use = 0; use < 30; use++) assert.ok('forgive' in attempts.link('a'));
  assert.ok('waitMs' in attempts.link('a'));
  assert.ok('forgive' in attempts.link('b'));
  nowMs = 60_000;
  assert.ok('forgive' in attempts.link('a'));
});
