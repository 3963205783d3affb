import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pino } from 'pino';
import Value from 'typebox/value';
import { eventually, spawnNode } from '../../test/support.ts';
import { defaultLimits } from '../../verify/limits.ts';
import { nodePrimitives } from '../../verify/node.ts';
import { readKeysDocument } from '../../verify/receipts/keys.ts';
import { ConfigError, readConfig, receiptVariables } from '../process/config.ts';
import { addKey, KeyFileError, readKeys, revokeKey } from './key-files.ts';
import { KeyRing } from './key-ring.ts';
import { rotateKey } from './rotation.ts';
import { signingKeysFor } from './secrets.ts';
import {
  inOrder,
  type KeyUse,
  keyAt,
  MOST_LISTED_KEYS,
  newPrivateKey,
  PublicKey,
  publicKeys,
  type SigningKey,
  signingKey,
  WrongKey,
} from './signing-keys.ts';

const quiet = pino({ level: 'silent' });
const root = mkdtempSync(join(tmpdir(), 'fairline-keys-'));
after(() => rmSync(root, { recursive: true, force: true }));
const directory = (): string => mkdtempSync(join(root, 'd-'));
const keyOf = (fromMs: number, revokedMs?: number) =>
  signingKey(newPrivateKey(), { use: 'slices', fromMs, revokedMs });

test('derives the key of the first vector of RFC 8032, section 7.1', () => {
  const pkcs8 = Buffer.from(
    '302e020100300506032b6570042204209d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    'hex',
  );
  const key = signingKey(pkcs8.toString('base64'), { use: 'books', fromMs: 0, revokedMs: undefined });
  const raw = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a';
  assert.equal(key.publicBytes.toString('hex'), raw);
  assert.equal(key.id, createHash('sha256').update(Buffer.from(raw, 'hex')).digest('hex').slice(0, 16));
});

test("a key signs from its start until the next key's; a revoked key never signs", () => {
  const [first, second] = [keyOf(1_000), keyOf(2_000, 3_000)];
  const keys = inOrder([second, first], 'slices');
  assert.deepEqual(
    [999, 1_000, 1_999, 2_000, 2_999, 3_000].map(at => keyAt(keys, at)?.id),
    [undefined, first.id, first.id, second.id, second.id, undefined],
  );
  const [a, b] = publicKeys(keys);
  assert.deepEqual([a?.until, a?.revoked], [new Date(2_000).toISOString(), null]);
  assert.deepEqual([b?.until, b?.revoked], [null, new Date(3_000).toISOString()]);
  assert.ok(Value.Check(PublicKey, a));
});

test('refuses anything but an Ed25519 key, without printing it', () => {
  const { privateKey } = generateKeyPairSync('x25519');
  const other = privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64');
  for (const wrong of ['hunter2', other, '']) {
    assert.throws(() => signingKey(wrong, { use: 'slices', fromMs: 0, revokedMs: undefined }), WrongKey);
  }
  const env = { RECEIPT_SALT_SECRET: 's'.repeat(32), SIGNING_KEY: 'hunter2' };
  assert.throws(
    () => readConfig(receiptVariables, env),
    (error: unknown) => error instanceof ConfigError && /SIGNING_KEY is \(7 char/.test(error.message),
  );
  assert.equal(readConfig(receiptVariables, { ...env, SIGNING_KEY: newPrivateKey() }).SIGNING_KEYS_DIR, '');
});

test('stores a key readable by its owner only, and loads it', () => {
  const dir = directory();
  const made = addKey(dir, 'slices', 5_000);
  revokeKey(dir, made.id, 7_000);
  const [read, ...others] = readKeys(dir);
  assert.deepEqual(others, []);
  assert.deepEqual([read?.id, read?.fromMs, read?.revokedMs], [made.id, 5_000, 7_000]);
  assert.deepEqual(read?.publicBytes, made.publicBytes);
  assert.throws(() => revokeKey(dir, made.id, 8_000), KeyFileError);
});

test('refuses by name a key file that others can read or that holds something else', () => {
  const open = directory();
  const { id } = addKey(open, 'slices', 0);
  const file = join(open, `${id}.key`);
  chmodSync(file, 0o640);
  assert.throws(() => readKeys(open), /\.key has mode 640: it is readable by users other.*chmod 600/);
  chmodSync(file, 0o600);
  chmodSync(open, 0o770);
  assert.throws(() => readKeys(open), /has mode 770: it is writable by users other.*chmod go-w/);
  chmodSync(open, 0o700);
  const text = readFileSync(file, 'utf8');
  for (const [wrong, message] of [
    ['{', /is not JSON/],
    ['null', /invalid key file/],
    [text.replace('slices', 'stones'), /invalid key file/],
    [text.replace(/"private":"[^"]*"/, '"private":"AAAA"'), /not an Ed25519 private key/],
    [text.replace(/"private":"[^"]*"/, `"private":"${newPrivateKey()}"`), /holds key/],
  ] as const) {
    writeFileSync(file, wrong);
    assert.throws(
      () => readKeys(open),
      (error: unknown) => error instanceof KeyFileError && message.test(error.message),
    );
  }
  writeFileSync(file, text);
  writeFileSync(join(open, `${id}.revoked`), 'yesterday');
  assert.throws(() => readKeys(open), /has "yesterday"; expected an ISO instant/);
  assert.throws(() => readKeys(join(open, 'nowhere')), KeyFileError);
});

test('a key ring loads new keys and revocations, and keeps its keys when the directory vanishes', async () => {
  const dir = directory();
  const first = addKey(dir, 'slices', 1_000);
  const ring = new KeyRing({ SIGNING_KEYS_DIR: dir, SIGNING_KEY: newPrivateKey() }, quiet);
  assert.equal(ring.keyAt('slices', 1_000)?.id, first.id);
  const given = ring.keyAt('slices', 999);
  assert.equal(given?.id, ring.keyAt('books', 5_000)?.id, 'the key in the environment serves both uses');
  ring.require('slices', 0);
  ring.start();
  try {
    const second = addKey(dir, 'slices', 2_000);
    await eventually(() => ring.keyAt('slices', 2_000)?.id === second.id);
    assert.equal(ring.publicKeys().length, 4);
    revokeKey(dir, second.id, 3_000);
    await eventually(() => ring.keyAt('slices', 3_000) === undefined);
    rmSync(dir, { recursive: true });
    await new Promise(resolve => setTimeout(resolve, 2_500));
    assert.equal(ring.keyAt('slices', 2_000)?.id, second.id);
  } finally {
    ring.stop();
  }
});

test('an empty key ring says what to do; an unreadable directory stops the start', () => {
  const ring = new KeyRing({ SIGNING_KEYS_DIR: directory(), SIGNING_KEY: '' }, quiet);
  assert.throws(
    () => ring.require('slices', 1),
    /neither SIGNING_KEYS_DIR nor SIGNING_KEY has a currently valid key for slices/,
  );
  const gone = { SIGNING_KEYS_DIR: join(root, 'gone'), SIGNING_KEY: '' };
  assert.throws(() => new KeyRing(gone, quiet), ConfigError);
});

test('without configuration, creates keys once, one per use', () => {
  const dir = directory();
  const first = signingKeysFor(dir, {});
  assert.deepEqual(signingKeysFor(dir, {}), first);
  assert.deepEqual(
    readKeys(first.SIGNING_KEYS_DIR ?? '')
      .map(key => key.use)
      .sort(),
    ['books', 'passes', 'slices'],
  );
  const given = { SIGNING_KEYS_DIR: '', SIGNING_KEY: 'given' };
  assert.deepEqual(signingKeysFor(dir, given), given);
});

test('npm run keys: list, rotate, revoke, and what it refuses', async () => {
  const dir = directory();
  const run = async (...args: string[]): Promise<{ code: number | string; output: string }> => {
    const cli = spawnNode('engine/contract/keys/keys-cli.ts', { SIGNING_KEYS_DIR: dir }, args);
    const code = await cli.ended;
    return { code, output: cli.output() };
  };
  const first = await run('rotate');
  assert.match(first.output, /^[0-9a-f]{16} signs slices from /);
  const [firstId = ''] = first.output.split(' ');
  assert.equal((await run('revoke', firstId)).code, 2, 'it signs now');
  const second = await run('rotate', 'slices');
  const [secondId = ''] = second.output.split(' ');
  const listed = await run('list');
  assert.match(
    listed.output,
    new RegExp(`^${firstId}  slices  from \\S+  until \\S+\n${secondId}  slices  from \\S+\n$`),
  );
  assert.equal((await run('revoke', secondId)).code, 0, 'it does not sign yet');
  assert.match((await run('list')).output, new RegExp(`${secondId}.*REVOKED`));
  const wrongs = [[], ['rotate', 'stones'], ['revoke', 'ffff'], ['list', 'all']];
  for (const { code, output } of await Promise.all(wrongs.map(wrong => run(...wrong)))) {
    assert.equal(code, 2, output);
    assert.match(output, /expected one of: |usage: /);
  }
});

test('a verifier reads as many keys as there can be', () => {
  assert.equal(MOST_LISTED_KEYS, defaultLimits.keys, 'the verifier shares no code with what it checks');
  // As listed, with every member, but of 32 bytes for which nobody has a private key: those would take seconds to make.
  const [listed] = publicKeys([keyOf(1, 2), keyOf(3)]);
  const keys = Array.from({ length: MOST_LISTED_KEYS }, (_, index) => {
    const bytes = createHash('sha256').update(String(index)).digest();
    const id = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
    return { ...listed, id, public: bytes.toString('base64url') };
  });
  const document = Buffer.from(JSON.stringify({ keys }));
  assert.equal(readKeysDocument(document, defaultLimits, nodePrimitives).size, MOST_LISTED_KEYS);
});

test('more keys than a verifier reads are neither made nor loaded', () => {
  const dir = directory();
  const most = 7;
  const rotate = (use: KeyUse): SigningKey => rotateKey(dir, use, { nowMs: 5, isGiven: true, most });
  for (const use of ['slices', 'books', 'slices', 'books', 'slices'] as const) rotate(use);
  for (const use of ['slices', 'books'] as const)
    assert.throws(
      () => rotate(use),
      (error: unknown) =>
        error instanceof KeyFileError &&
        error.message ===
          `${dir} has 5 keys for slices and books, and a verifier reads 7, with two for SIGNING_KEY: rotate less often, and remove the files of keys that have signed nothing`,
    );
  rotate('passes');
  const sources = { SIGNING_KEYS_DIR: dir, SIGNING_KEY: newPrivateKey() };
  assert.equal(new KeyRing(sources, quiet, most).publicKeys().length, most);
  const { id } = addKey(dir, 'books', 6);
  assert.throws(
    () => new KeyRing(sources, quiet, most),
    (error: unknown) =>
      error instanceof ConfigError &&
      /SIGNING_KEYS_DIR: \S+ and SIGNING_KEY have 8 keys for slices and books; expected at most 7/.test(
        error.message,
      ),
  );
  rmSync(join(dir, `${id}.key`));
  assert.equal(new KeyRing(sources, quiet, most).publicKeys().length, most);
});
