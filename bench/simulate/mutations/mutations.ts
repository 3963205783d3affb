/**
 * Bugs put into production's code on purpose, each a change of a line or two. The simulator must find every one
 * (mutations.test.ts): those in seeded/ by seeds, the planned ones by their plans. The test prints what found each bug, and how
 * soon.
 */
import type { Mutation } from './mutation.ts';
import { PLANNED_MUTATIONS } from './planned-mutations.ts';
import { AVAILABILITY_MUTATIONS } from './seeded/availability.ts';
import { CLAIM_MUTATIONS } from './seeded/claims.ts';
import { CLOCK_MUTATIONS } from './seeded/clocks.ts';
import { ENTRY_MUTATIONS } from './seeded/entries.ts';
import { FENCING_MUTATIONS } from './seeded/fencing.ts';
import { PROJECTION_MUTATIONS } from './seeded/projections.ts';
import { RAISE_MUTATIONS } from './seeded/raises.ts';
import { REDEMPTION_MUTATIONS } from './seeded/redemptions.ts';
import { ROOM_MUTATIONS } from './seeded/rooms.ts';
import { SCHEDULE_MUTATIONS } from './seeded/schedule.ts';
import { SETTLING_MUTATIONS } from './seeded/settling.ts';
import { WATERMARK_MUTATIONS } from './seeded/watermark.ts';

export const MUTATIONS: readonly Mutation[] = [
  ...PLANNED_MUTATIONS,
  ...ENTRY_MUTATIONS,
  ...FENCING_MUTATIONS,
  ...CLOCK_MUTATIONS,
  ...WATERMARK_MUTATIONS,
  ...SETTLING_MUTATIONS,
  ...RAISE_MUTATIONS,
  ...AVAILABILITY_MUTATIONS,
  ...CLAIM_MUTATIONS,
  ...ROOM_MUTATIONS,
  ...REDEMPTION_MUTATIONS,
  ...SCHEDULE_MUTATIONS,
  ...PROJECTION_MUTATIONS,
];
