import assert from 'node:assert/strict';
import { createSecretKey, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { DeviceCookies } from './device-cookies.ts';

test('a device cookie is for one account, and is not made by anybody else', () => {
  const [own, foreign] = [randomBytes(32), randomBytes(32)].map(
    bytes => new DeviceCookies({ name: '__Host-a', sameSite: 'Strict', key: createSecretKey(bytes) }),
  );
  assert.ok(own !== undefined && foreign !== undefined);
  const header = own.make('grace', 'now');
  assert.match(header, /^__Host-a=[^;]+; Max-Age=\d+; Path=\/; HttpOnly; Secure; SameSite=Strict$/);
  const [cookie = ''] = header.split(';');
  assert.equal(own.known('grace', cookie)?.credentialVersion, 'now');
  assert.notEqual(own.known('grace', cookie)?.id, own.known('grace', own.make('grace', 'now'))?.id);
  const theirs = foreign.make('grace', 'now').split(';', 1)[0] ?? '';
  for (const [name, cookies] of [
    ['ada', cookie],
    ['grace', theirs],
    ['grace', cookie.replace('.now.', '.former.')],
    ['grace', `${cookie}; ${cookie}`],
    ['grace', ''],
  ] as const)
    assert.equal(own.known(name, cookies), undefined, cookies);
});
