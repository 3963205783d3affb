/**
 * Finds the function that carries out a statement of sql/ on the simulated ledger. Each is listed beside a pattern for the
 * statement's text, in a file with the same name as in sql/statements. ledger.test.ts compares all of them with PostgreSQL.
 */
import type { Statement } from '../statement.ts';
import { CAMPAIGN_STATEMENTS } from './campaigns/campaigns.ts';
import { SCHEDULE_STATEMENTS } from './campaigns/schedule.ts';
import { SETTLING_STATEMENTS } from './campaigns/settling.ts';
import { SHELVING_STATEMENTS } from './campaigns/shelving.ts';
import { CLAIM_STATEMENTS } from './claims/claims.ts';
import { CLAIM_TURN_STATEMENTS } from './claims/claims-turn.ts';
import { DEADLINE_STATEMENTS } from './claims/deadlines.ts';
import { OFFER_STATEMENTS } from './claims/offers.ts';
import { PASSING_ON_STATEMENTS } from './claims/passing-on.ts';
import { COUPON_STATEMENTS } from './coupons/redemptions.ts';
import { TERMS_STATEMENTS } from './coupons/terms.ts';
import { ALTERNATE_STATEMENTS } from './draws/alternates.ts';
import { DRAW_STATEMENTS } from './draws/draws.ts';
import { ENTRY_STATEMENTS } from './entries/entries.ts';
import { GRANT_STATEMENTS } from './entries/grants.ts';
import { OUTCOME_STATEMENTS } from './entries/outcomes.ts';
import { WITHDRAWAL_STATEMENTS } from './entries/withdrawals.ts';
import { BLOCK_STATEMENTS } from './operators/blocks.ts';
import { OPERATOR_LOG_STATEMENTS } from './operators/operator-log.ts';
import { AVAILABILITY_STATEMENTS } from './progress/availability.ts';
import { CLOCK_STATEMENTS } from './progress/clock.ts';
import { GATEWAY_STATEMENTS } from './progress/gateways.ts';
import { LOG_STATEMENTS } from './progress/log.ts';
import { SLICE_STATEMENTS } from './progress/slices.ts';
import { WATERMARK_STATEMENTS } from './progress/watermarks.ts';
import { PRESENCE_STATEMENTS } from './rooms/presence.ts';
import { ROOM_TURN_STATEMENTS } from './rooms/room-turns.ts';
import { ROOM_STATEMENTS } from './rooms/rooms.ts';

/**
 * The first matching pattern counts. Some statements must come before others whose patterns match their texts too:
 * decideRoomWithdrawals before decideWithdrawals, and readDrawState and readDraftTerms before getCampaign.
 */
const STATEMENTS = [
  ...SHELVING_STATEMENTS,
  ...CLAIM_STATEMENTS,
  ...CLAIM_TURN_STATEMENTS,
  ...PASSING_ON_STATEMENTS,
  ...DEADLINE_STATEMENTS,
  ...OFFER_STATEMENTS,
  ...ROOM_STATEMENTS,
  ...ROOM_TURN_STATEMENTS,
  ...PRESENCE_STATEMENTS,
  ...DRAW_STATEMENTS,
  ...CAMPAIGN_STATEMENTS,
  ...SETTLING_STATEMENTS,
  ...SCHEDULE_STATEMENTS,
  ...ENTRY_STATEMENTS,
  ...OUTCOME_STATEMENTS,
  ...WITHDRAWAL_STATEMENTS,
  ...GRANT_STATEMENTS,
  ...ALTERNATE_STATEMENTS,
  ...CLOCK_STATEMENTS,
  ...GATEWAY_STATEMENTS,
  ...LOG_STATEMENTS,
  ...WATERMARK_STATEMENTS,
  ...BLOCK_STATEMENTS,
  ...AVAILABILITY_STATEMENTS,
  ...SLICE_STATEMENTS,
  ...COUPON_STATEMENTS,
  ...TERMS_STATEMENTS,
  ...OPERATOR_LOG_STATEMENTS,
];

/** The statement must be added to the model: a run must not go on as if the server had refused it. */
export class UnknownStatement extends Error {
  constructor(words: string) {
    super(`the simulated ledger does not know the statement: ${words}`);
  }
}

/** Functions that carry out statements, keyed by text. */
const known = new Map<string, Statement>();

/** Throws UnknownStatement. */
export function statementOf(text: string): Statement {
  const found = known.get(text);
  if (found !== undefined) return found;
  const words = text.trim().replace(/\s+/g, ' ');
  const [, statement] = STATEMENTS.find(([pattern]) => pattern.test(words)) ?? [];
  if (statement === undefined) throw new UnknownStatement(words);
  known.set(text, statement);
  return statement;
}

/** The function for a statement that has run before; undefined for others, and for `begin` and the like. */
export function knownStatement(text: string): Statement | undefined {
  return known.get(text);
}
