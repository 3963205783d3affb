/** Monitors facing services that mislead them. The test drives their turns: no network, no clock. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  BEFORE_ALL,
  compareHeadPositions,
  type HeadPosition,
  headPositionText,
} from '../verify/heads/head-positions.ts';
import { signerOf } from '../verify/testing/basics.ts';
import { keyObject } from '../verify/testing/maker-world.ts';
import { json } from '../verify/testing/run.ts';
import type { ShownHead } from './chain-watch.ts';
import type { MonitorFinding } from './finding.ts';
import { FindingLog } from './finding-log.ts';
import { Followed } from './followed.ts';
import { KnownKeys, readKeys } from './known-keys.ts';
import { Monitor } from './monitor.ts';
import { ownKey } from './own-key.ts';
import { readPage, type ShownPage } from './page.ts';
import { RecordLog } from './record-log.ts';
import { NoAnswer, type Service } from './service.ts';
import { chained, first, follows, shownOf, signer } from './testing/heads.ts';

const directories: string[] = [];
after(() => {
  for (const each of directories) rmSync(each, { recursive: true });
});

const SECOND = 1_000_000;
const FAR_US = 2 ** 52;
const keys = readKeys(json({ keys: [{ ...keyObject(signer, 'slices'), from: '1970-01-01T00:00:00Z' }] }));

/** Serves the present `list` in pages of `size`, whatever the gateway would answer. */
function serviceOf(
  url: string,
  list: { heads: readonly ShownHead[]; throughUs: number },
  size = 500,
): Service {
  return {
    url,
    keys: async () => keys,
    page: async (from: HeadPosition): Promise<ShownPage> => {
      const rest = list.heads
        .filter(({ head }) => compareHeadPositions(head, from) > 0)
        .toSorted((a, b) => compareHeadPositions(a.head, b.head));
      const heads = rest.slice(0, size);
      const answer = {
        heads: heads.map(({ text }) => text),
        next: headPositionText(heads.at(-1)?.head ?? from),
        ...(rest.length < size ? { through_us: list.throughUs } : {}),
      };
      try {
        return readPage(json(answer), from);
      } catch (error) {
        throw new NoAnswer(url, error);
      }
    },
  };
}

/** Runs a monitor for so many turns; calls `between` in each pause. */
async function watched(
  services: readonly Service[],
  between: readonly (() => void)[],
  lookBackPages = 1,
): Promise<{ found: readonly string[]; troubles: readonly string[]; kept: readonly string[] }> {
  const directory = mkdtempSync(join(tmpdir(), 'fairline-monitor-'));
  directories.push(directory);
  const found: MonitorFinding[] = [];
  const troubles: string[] = [];
  const records = await RecordLog.open(directory, ownKey(directory), () => undefined);
  let nowMs = 0;
  let pauses = 0;
  let turn = 0;
  const parts = {
    services,
    records,
    findings: new FindingLog(directory),
    keys: new KnownKeys(undefined, false),
    saveKeys: () => undefined,
    lookBackPages,
    nowMs: () => nowMs,
    // Picks the services in turn.
    random: () => (turn++ % services.length) / services.length,
    pause: async (ms: number) => {
      nowMs += ms;
      between[pauses]?.();
      pauses += 1;
    },
    onFinding: (_: string, finding: MonitorFinding) => found.push(finding),
    onTrouble: (words: string) => troubles.push(words),
  };
  await new Monitor(parts, new Followed(BEFORE_ALL)).run(1_000, false, () => pauses > between.length);
  const kept = [...records.records()].flatMap(({ heads }) => heads.map(({ text }) => text));
  records.close();
  return { found: found.map(({ kind }) => kind), troubles, kept };
}

test('reports an unsigned head far in the future, and keeps following', async () => {
  const heads = chained(1, 11, 4);
  const forged = shownOf(
    { ...first({ firstUs: FAR_US }).head, root: Buffer.alloc(32), previous: Buffer.alloc(32) },
    signerOf('nobody'),
  );
  const list = { heads: [...heads.slice(0, 2), forged] as readonly ShownHead[], throughUs: SECOND };
  const { found, kept } = await watched(
    // Three a page: the forged head ends a page that is not the last one.
    [serviceOf('a', list, 3)],
    [
      () => {
        list.heads = heads;
      },
      () => undefined,
    ],
  );
  assert.deepEqual(found, ['signature']);
  assert.deepEqual(
    kept,
    heads.map(({ text }) => text),
  );
});

test('detects two services that show different heads, in either order', async () => {
  const heads = chained(1, 11, 4);
  const [one = first({}), two = one] = heads;
  const other = follows(one, { sliceNumber: two.head.sliceNumber, firstUs: two.head.firstUs, count: 7 });
  const a = { heads, throughUs: SECOND };
  for (const [what, b, expected] of [
    ['a missing head', { heads: heads.slice(0, 3), throughUs: SECOND }, ['late', 'rewind']],
    ['a replaced head', { heads: [one, other, ...heads.slice(2)], throughUs: SECOND }, ['fork']],
  ] as const) {
    const wait = Array.from({ length: 6 }, () => () => undefined);
    for (const services of [
      [serviceOf('a', a), serviceOf('b', b)],
      [serviceOf('b', b), serviceOf('a', a)],
    ]) {
      const { found } = await watched(services, wait);
      assert.ok(found.length > 0, what);
      assert.ok(
        found.every(kind => (expected as readonly string[]).includes(kind)),
        `${what}: ${found}`,
      );
    }
  }
});

test('a restored ledger that shows less for a while and then the same causes no finding', async () => {
  const heads = chained(1, 11, 6);
  const through = (count: number): number => heads[count - 1]?.head.firstUs ?? 0;
  const list = { heads: heads.slice(0, 5) as readonly ShownHead[], throughUs: SECOND };
  const { found, troubles, kept } = await watched(
    [serviceOf('a', list)],
    [
      () => Object.assign(list, { heads: heads.slice(0, 3), throughUs: through(3) }),
      () => undefined,
      () => Object.assign(list, { heads: heads.slice(0, 5), throughUs: through(5) }),
      () =>
        Object.assign(list, {
          heads: [
            ...heads.slice(0, 5),
            follows(heads[4] ?? first({}), { sliceNumber: 90, firstUs: 2 * SECOND }),
          ],
          throughUs: 3 * SECOND,
        }),
      () => undefined,
    ],
  );
  assert.deepEqual(found, []);
  assert.match(
    troubles[0] ?? '',
    /a says that its heads are complete up to \S+, which is earlier than it said before/,
  );
  assert.match(troubles.at(-1) ?? '', /the service again reports as much as before/);
  assert.equal(kept.length, 6);
});

test('retries a service without an answer, asks the others meanwhile, and reports it once', async () => {
  const heads = chained(1, 11, 3);
  const unreachable: Service = {
    url: 'away',
    keys: () => Promise.reject(new NoAnswer('away', new Error('nobody there'))),
    page: () => Promise.reject(new NoAnswer('away', new Error('nobody there'))),
  };
  const list = { heads, throughUs: SECOND };
  const wait = Array.from({ length: 8 }, () => () => undefined);
  const { found, troubles, kept } = await watched([unreachable, serviceOf('b', list)], wait);
  assert.deepEqual(found, []);
  assert.deepEqual(troubles, ['cannot follow away: nobody there; retrying']);
  assert.deepEqual(
    kept,
    heads.map(({ text }) => text),
  );
});

/** More than the monitor compares with each page. */
const many = chained(1, 11, 2_400);

/** Changes heads older than the last 500, in the fourth stretch of the records, and lets a monitor look back once. */
async function afterOneLookBack(
  change: (heads: readonly ShownHead[]) => readonly ShownHead[],
  lookBackPages: number,
): Promise<readonly string[]> {
  const list = { heads: many, throughUs: 3 * SECOND };
  const forge = (): void => {
    list.heads = change(many);
  };
  return (await watched([serviceOf('a', list)], [forge], lookBackPages)).found;
}

test('finds in one round what was changed before the last 500 heads, if it looks back at enough pages', async () => {
  const [before, after] = [1_800, 1_801];
  const changes: readonly (readonly [string, (heads: readonly ShownHead[]) => readonly ShownHead[]])[] = [
    [
      'late',
      heads => [
        ...heads,
        first({ gateway: 9, incarnation: 7, firstUs: (heads[before]?.head.firstUs ?? 0) + 1 }),
      ],
    ],
    ['rewind', heads => heads.filter((_, index) => index !== before)],
    [
      'fork',
      heads => {
        const [one, two] = [heads[before], heads[after]];
        assert.ok(one && two);
        const { sliceNumber, firstUs } = two.head;
        return heads.with(after, follows(one, { sliceNumber, firstUs, count: 7 }));
      },
    ],
  ];
  for (const [kind, change] of changes) {
    // Compared from the first on, in five stretches: with one page a round, it is at the second by then.
    assert.deepEqual(await afterOneLookBack(change, 1), [], kind);
    assert.deepEqual(await afterOneLookBack(change, 5), [kind]);
  }
});

test('looks back next at what a service did not answer', async () => {
  const list = { heads: many, throughUs: 3 * SECOND };
  const service = serviceOf('a', list);
  const { firstUs = 0 } = many[800]?.head ?? {};
  let isDown = false;
  const failing: Service = {
    ...service,
    page: async after => {
      if (isDown && after.firstUs > 0 && after.firstUs < firstUs)
        throw new NoAnswer('a', new Error('too much'));
      return await service.page(after);
    },
  };
  const { found, troubles } = await watched(
    [failing],
    [
      () => {
        isDown = true;
        list.heads = many.filter((_, index) => index !== 800);
      },
      () => {
        isDown = false;
      },
    ],
  );
  assert.deepEqual(troubles, ['cannot follow a: too much; retrying', 'following a again']);
  assert.deepEqual(found, ['rewind']);
});
