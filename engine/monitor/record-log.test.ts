/** The records on disk: through kills, restarts and tampering, and from one file to the next. */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { BEFORE_ALL, type HeadPosition } from '../verify/heads/head-positions.ts';
import { nodePrimitives } from '../verify/node.ts';
import { makeBook, written } from '../verify/testing/maker.ts';
import { inPieces } from '../verify/testing/run.ts';
import { verify } from '../verify/verify.ts';
import type { ShownHead } from './chain-watch.ts';
import { FindingLog } from './finding-log.ts';
import { Followed, stretchesOf } from './followed.ts';
import { DirectoryFault, type OwnKey, ownKey } from './own-key.ts';
import { type Recorded, RecordLog } from './record-log.ts';
import { chained } from './testing/heads.ts';

const directories: string[] = [];
after(() => {
  for (const each of directories) rmSync(each, { recursive: true });
});

function directory(): string {
  const made = mkdtempSync(join(tmpdir(), 'fairline-monitor-'));
  directories.push(made);
  return made;
}

async function open(
  where: string,
  key: OwnKey,
  fileBytes?: number,
): Promise<{ log: RecordLog; kept: Recorded[] }> {
  const kept: Recorded[] = [];
  const log = await RecordLog.open(where, key, record => kept.push(record), fileBytes);
  return { log, kept };
}

const heads = chained(1, 11, 6);

/** Records heads, one per record. */
function keep(log: RecordLog, some: readonly ShownHead[], from: HeadPosition = BEFORE_ALL): void {
  let after = from;
  for (const shown of some) {
    log.append({ after, heads: [shown], throughUs: undefined }, 'http://gateway', 5);
    after = shown.head;
  }
}

test('creates its own key, readable by the owner only, and keeps it', () => {
  const where = directory();
  const { publicKey } = ownKey(where);
  assert.equal(Buffer.from(publicKey, 'base64url').length, 32);
  assert.equal(statSync(join(where, 'monitor.key')).mode & 0o777, 0o600);
  assert.equal(ownKey(where).publicKey, publicKey);
  chmodSync(join(where, 'monitor.key'), 0o640);
  assert.throws(() => ownKey(where), /is readable by users other than its owner; expected mode 600/);
  const other = directory();
  writeFileSync(join(other, 'monitor.key'), 'nothing', { mode: 0o600 });
  assert.throws(() => ownKey(other), DirectoryFault);
});

test('resumes records after a stop, also after a kill cut off the last one', async () => {
  const where = directory();
  const key = ownKey(where);
  const { log } = await open(where, key);
  keep(log, heads.slice(0, 2));
  log.close();
  const file = join(where, 'heads-000001.ndjson');
  const whole = readFileSync(file);
  appendFileSync(file, whole.subarray(0, 300));
  const again = await open(where, key);
  assert.deepEqual(readFileSync(file), whole, 'the torn line is removed');
  assert.deepEqual(
    again.kept.map(({ record: { number } }) => number),
    [1, 2],
  );
  const followed = new Followed(BEFORE_ALL);
  for (const record of again.kept) followed.restore(record, () => false);
  assert.deepEqual(followed.next, heads[1]?.head);
  keep(again.log, heads.slice(2, 4), followed.next);
  again.log.close();
  const last = await open(where, key);
  assert.deepEqual(
    last.kept.map(({ heads: [shown] }) => shown?.text),
    heads.slice(0, 4).map(({ text }) => text),
  );
  last.log.close();
});

test('splits records into files of bounded length, and verify reads all or a time range', async () => {
  const where = directory();
  const key = ownKey(where);
  const made = makeBook({ kind: 'coupon', entries: 5, stock: 2 });
  const { log } = await open(where, key, 1_000);
  keep(log, heads);
  log.close();
  const files = readdirSync(where).filter(name => name.startsWith('heads-'));
  assert.deepEqual(files, ['heads-000001.ndjson', 'heads-000002.ndjson', 'heads-000003.ndjson']);
  for (const some of [files, files.slice(1)]) {
    const report = await verify({
      primitives: nodePrimitives,
      book: inPieces(written(made.parts)),
      heads: inPieces(Buffer.concat(some.map(name => readFileSync(join(where, name))))),
    });
    assert.deepEqual(report.findings, []);
  }
  const { log: again, kept } = await open(where, key, 1_000);
  assert.equal(kept.length, heads.length);
  const stretches = [...stretchesOf(again.records())];
  assert.deepEqual(
    stretches.map(({ heads: { length } }) => length),
    [heads.length],
  );
  again.close();
});

test('stops on records that this monitor did not write', async () => {
  const where = directory();
  const key = ownKey(where);
  const { log } = await open(where, key);
  keep(log, heads.slice(0, 3));
  log.close();
  const file = join(where, 'heads-000001.ndjson');
  const right = readFileSync(file, 'utf8');
  const [one = '', two = '', three = ''] = right.split('\n');
  for (const [what, lines, message] of [
    [
      'a changed record',
      [one, two.replace('gateway', 'gatewax'), three],
      /record 3 .* does not continue record 2/,
    ],
    [
      'a changed last one',
      [one, two, three.replace('gateway', 'gatewax')],
      /record 3 .* is not signed by this monitor/,
    ],
    ['one that is gone', [one, three], /record 3 .* does not continue record 1/],
    ['no record', [one, '{}', three], /has a line that is not a record/],
  ] as const) {
    writeFileSync(file, lines.map(line => `${line}\n`).join(''));
    await assert.rejects(open(where, key), message, what);
  }
  writeFileSync(file, right);
  await assert.rejects(open(where, ownKey(directory())), /does not continue record 0 of this monitor/);
  const first = await open(where, key);
  const second = await open(where, key);
  keep(first.log, heads.slice(3, 4), heads[2]?.head);
  assert.throws(() => keep(second.log, heads.slice(3, 4), heads[2]?.head), /another process writes to/);
  for (const each of [first, second]) each.log.close();
});

test('keeps each finding once, also over a restart and a kill within a line', () => {
  const where = directory();
  const finding = { kind: 'fork', message: 'a slice twice', heads: ['AAAA', 'BBBB'] } as const;
  const log = new FindingLog(where);
  assert.deepEqual(JSON.parse(log.add(finding, 'http://gateway', 7) ?? ''), {
    finding: 'fork',
    message: 'a slice twice',
    heads: ['AAAA', 'BBBB'],
    source: 'http://gateway',
    at_us: 7,
  });
  assert.equal(log.add(finding, 'http://another', 8), undefined);
  const file = join(where, 'findings.ndjson');
  appendFileSync(file, '{"finding":"la');
  const again = new FindingLog(where);
  assert.equal(again.add(finding, 'http://gateway', 9), undefined);
  assert.ok(again.add({ ...finding, kind: 'late', heads: ['CCCC'] }, 'http://gateway', 9));
  assert.deepEqual([...new FindingLog(where).kinds], ['fork', 'late']);
});
