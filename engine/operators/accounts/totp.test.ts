import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HOTP, Secret, TOTP, URI } from 'otpauth';
import { makeTotpSecret, STEP_MS, shownTotp, stepOfCode } from './totp.ts';

/** RFC 6238, appendix B, SHA-1; the last six of its eight digits. */
const VECTORS = [
  [59, '287082'],
  [1_111_111_109, '081804'],
  [1_111_111_111, '050471'],
  [1_234_567_890, '005924'],
  [2_000_000_000, '279037'],
  [20_000_000_000, '353130'],
] as const;
const secret = Buffer.from('12345678901234567890');

test('knows the codes of RFC 6238', () => {
  for (const [seconds, code] of VECTORS)
    assert.equal(stepOfCode(secret, code, seconds * 1_000), Math.floor(seconds / 30), code);
});

test('accepts the step before and the one after, and no other', () => {
  const step = 50_000_000;
  for (const drift of [-3, -2, -1, 0, 1, 2, 3]) {
    const code = HOTP.generate({
      secret: Secret.fromLatin1(secret.toString('latin1')),
      counter: step + drift,
    });
    for (const withinMs of [0, STEP_MS - 1]) {
      const found = stepOfCode(secret, code, step * STEP_MS + withinMs);
      assert.equal(found, Math.abs(drift) <= 1 ? step + drift : undefined, `${drift}`);
    }
  }
});

test('refuses what is no code of six digits', () => {
  const code = '287082';
  for (const text of ['', '28708', '2870820', ' 287082', '287082\n', '２８７０８２', 'abcdef'])
    assert.equal(stepOfCode(secret, text, 59_000), undefined, JSON.stringify(text));
  assert.equal(stepOfCode(secret, code, 59_000), 1);
});

test('an authenticator that reads the URI makes codes that are accepted', () => {
  const own = makeTotpSecret();
  const shown = shownTotp(own, 'Ada 에이다');
  const read = URI.parse(shown.uri);
  assert.ok(read instanceof TOTP);
  assert.deepEqual([read.issuer, read.label, read.digits, read.period], ['fairline', 'Ada 에이다', 6, 30]);
  assert.equal(read.secret.base32, shown.secret);
  const nowMs = 1_900_000_000_000;
  assert.equal(stepOfCode(own, read.generate({ timestamp: nowMs }), nowMs), Math.floor(nowMs / STEP_MS));
});
