import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { DueClaimant } from '../../../sql/statements/claims/claims.ts';
import { stampOf } from '../../contract/record/stamp.ts';
import { judgeClaims } from './claims.ts';

const OPENS_US = 1_000_000;

/** All instants are microseconds since the epoch. */
function due(
  state: DueClaimant['state'],
  byUs: number | null,
  asked: { readonly claimUs?: number; readonly leaveUs?: number; readonly number?: number } = {},
): DueClaimant {
  const stampAt = (us: number | undefined): number | null =>
    us === undefined ? null : stampOf(us, OPENS_US, 3);
  return {
    number: asked.number ?? 1,
    state,
    serial: state === 'waitlisted' ? null : 1,
    claimByUs: byUs,
    claimStamp: stampAt(asked.claimUs),
    leaveStamp: stampAt(asked.leaveUs),
  };
}

function endOf(claimant: DueClaimant, lapseUs: number): string | undefined {
  const [move] = judgeClaims([claimant], OPENS_US, lapseUs);
  return move && `${move.state} ${move.atUs - OPENS_US}`;
}

test('a claim at the deadline counts, however late it is decided; after it, the offer lapses at the deadline', () => {
  const by = OPENS_US + 100;
  equal(endOf(due('offered', by, { claimUs: by }), by + 1_000), 'claimed 100');
  equal(endOf(due('offered', by, { claimUs: by + 1 }), by + 1_000), 'lapsed 100');
  equal(endOf(due('offered', by, { claimUs: by + 1 }), by - 1), undefined);
  equal(endOf(due('offered', by), by), 'lapsed 100');
  equal(endOf(due('offered', by), by - 1), undefined);
});

test('of a claim and a decline, the earlier counts; a waiting user can only leave', () => {
  const by = OPENS_US + 100;
  equal(endOf(due('offered', by, { claimUs: OPENS_US + 5, leaveUs: OPENS_US + 6 }), by), 'claimed 5');
  equal(endOf(due('offered', by, { claimUs: OPENS_US + 7, leaveUs: OPENS_US + 6 }), by), 'declined 6');
  equal(endOf(due('waitlisted', null, { claimUs: OPENS_US + 5 }), by), undefined);
  equal(endOf(due('waitlisted', null, { leaveUs: OPENS_US + 6 }), by), 'left 6');
});

test('claimed, lapsed, declined and left are final', () => {
  for (const state of ['claimed', 'lapsed', 'declined', 'left'] as const) {
    deepEqual(
      judgeClaims([due(state, OPENS_US, { claimUs: OPENS_US, leaveUs: OPENS_US })], OPENS_US, OPENS_US + 9),
      [],
    );
  }
});

test('each claimant ends at most once, in order of instants, in any order of evaluation', () => {
  const instant = fc.option(fc.integer({ min: 0, max: 50 }), { nil: undefined });
  const person = fc.record({ byUs: fc.integer({ min: 0, max: 50 }), claimUs: instant, leaveUs: instant });
  fc.assert(
    fc.property(
      fc.array(person, { maxLength: 12 }),
      fc.nat({ max: 60 }),
      fc.nat(),
      (people, lapseUs, turn) => {
        const all = people.map(({ byUs, claimUs, leaveUs }, index) =>
          due('offered', OPENS_US + byUs, {
            number: index + 1,
            ...(claimUs === undefined ? {} : { claimUs: OPENS_US + claimUs }),
            ...(leaveUs === undefined ? {} : { leaveUs: OPENS_US + leaveUs }),
          }),
        );
        const at = all.length === 0 ? 0 : turn % all.length;
        const moves = judgeClaims(all, OPENS_US, OPENS_US + lapseUs);
        deepEqual(judgeClaims([...all.slice(at), ...all.slice(0, at)], OPENS_US, OPENS_US + lapseUs), moves);
        equal(new Set(moves.map(({ number }) => number)).size, moves.length);
        ok(moves.every(({ atUs }, index) => index === 0 || (moves[index - 1]?.atUs ?? 0) <= atUs));
        for (const { number, state, atUs } of moves) {
          const { byUs = 0, claimUs } = people[number - 1] ?? {};
          ok(atUs - OPENS_US <= byUs);
          ok(state !== 'lapsed' || byUs <= lapseUs);
          ok(state !== 'lapsed' || claimUs === undefined || claimUs > byUs);
        }
      },
    ),
  );
});
