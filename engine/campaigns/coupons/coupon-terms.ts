/** Reads the terms of coupons and creates coupons; contradictions are found here and not at the basket. */
import { type Pool, type Queryable, rehearsal, transaction } from '../../../sql/database.ts';
import {
  type Coupon,
  type CouponOf,
  changeCoupon,
  couponConstraint,
  createCoupon,
  isGrantedCode,
  lockStacking,
  readStackingNeighbours,
} from '../../../sql/statements/coupons/coupons.ts';
import { giveBackLapsed, LAPSED_AT_ONCE, lockCoupons } from '../../../sql/statements/coupons/redemptions.ts';
import { type FieldFault, fieldFault, invalidRequest, Problem } from '../../contract/api/problem.ts';
import { contradictionsWith } from '../../contract/coupons/stacking.ts';
import type { Terms } from '../../contract/coupons/terms.ts';
import { readTerms, type TermsBody, termsJson } from '../../contract/coupons/terms-json.ts';
import { type By, noteAct } from '../../operators/acts.ts';
import type { Attribution } from '../../operators/proposals.ts';
import { unknownCampaign } from '../find-campaign.ts';
import { preconditionFailed } from '../precondition.ts';

/**
 * The terms in a body, of granted codes or of a code that anybody may use. `prefix` is the member that contains them, '' if it
 * is the body itself. Throws Problem invalid-request.
 */
export function readTermsOf(body: TermsBody, whose: 'grants' | 'anybody', prefix: string): Terms {
  // A granted code is for one use.
  const read = readTerms(body, whose === 'grants' ? 1 : null);
  if ('faults' in read) throw invalidRequest(prefixed(read.faults, prefix));
  return read.terms;
}

function prefixed(faults: readonly FieldFault[], prefix: string): FieldFault[] {
  return faults.map(fault => ({ ...fault, field: prefix === '' ? fault.field : `${prefix}.${fault.field}` }));
}

/** What operators see of terms before they are in force: a coupon that is not made yet has no number. */
export interface TermsPreview {
  readonly dry_run: true;
  readonly campaign: number;
  readonly terms: TermsBody;
  /** Of the coupon, with these terms. */
  readonly version: number;
}

/** Creates a coupon for an operator, and logs it. Throws like addCoupon, and the Problem of the sanction. */
export async function makeCoupon(
  pool: Pool,
  of: CouponOf,
  terms: Terms,
  { sanction, ...by }: Attribution,
): Promise<Coupon> {
  return await transaction(pool, async db => {
    const coupon = await addCoupon(db, of, terms, 'terms');
    await sanction?.(db);
    await noteTerms(db, by, coupon);
    return coupon;
  });
}

/** What makeCoupon would do for a campaign. Throws like it. */
export async function couponPreview(pool: Pool, campaignId: number, terms: Terms): Promise<TermsPreview> {
  return previewOf(await rehearsal(pool, db => addCoupon(db, { campaignId }, terms, 'terms')), campaignId);
}

/** What replaceTerms would do for a coupon of a campaign. Throws like it. */
export async function replacementPreview(
  pool: Pool,
  campaignId: number,
  coupon: Coupon,
  terms: Terms,
): Promise<TermsPreview> {
  const changed = await rehearsal(pool, db => replaceUnheld(db, coupon, terms, coupon.revision)).catch(
    (error: unknown) => {
      throw refusalOf(error, { campaignId }) ?? error;
    },
  );
  // Of a campaign's codes none is held, or the terms could not change.
  if (changed === undefined) throw new Error(`coupon ${coupon.couponId} has holds that were never granted`);
  return previewOf(changed, campaignId);
}

function previewOf({ terms, revision }: Coupon, campaign: number): TermsPreview {
  return { dry_run: true, campaign, terms: termsJson(terms), version: revision };
}

/** A code that anybody may use is not in the log; the number of the coupon is. */
async function noteTerms(
  db: Queryable,
  { actor, reason }: By,
  { couponId, campaignId, shop, terms, revision }: Coupon,
): Promise<void> {
  const details = {
    campaign: campaignId,
    shop: shop ?? undefined,
    version: revision,
    terms: termsJson(terms),
  };
  await noteAct(db, actor, { target: `coupon ${couponId}`, reason, details });
}

/**
 * Creates a coupon; call it inside a transaction, which may just have created the campaign. Throws Problem unknown-campaign,
 * conflict, and invalid-request if its stacking rules contradict those of other coupons.
 */
export async function addCoupon(db: Queryable, of: CouponOf, terms: Terms, prefix: string): Promise<Coupon> {
  await checkStacking(db, terms, null, prefix);
  if ('code' in of && (await isGrantedCode(db, of.code))) throw codeTaken(of.code);
  try {
    return await createCoupon(db, of, terms);
  } catch (error) {
    throw refusalOf(error, of) ?? error;
  }
}

/**
 * Replaces the terms of a coupon. `version`: the revision that the change is based on, undefined for any. Throws like addCoupon,
 * Problem precondition-failed if the current revision is another one, and the Problem of the sanction.
 *
 * A lapsed hold counts as a use until it is given back, so it would break a lower limit. This function gives back a
 * bounded number of them per transaction, so that shops wait for the coupon's row only briefly.
 */
export async function replaceTerms(
  pool: Pool,
  coupon: Coupon,
  terms: Terms,
  version: number | undefined,
  { sanction, ...by }: Attribution,
): Promise<Coupon> {
  for (;;) {
    try {
      const changed = await transaction(pool, async db => {
        const replaced = await replaceUnheld(db, coupon, terms, version);
        if (replaced === undefined) return undefined;
        await sanction?.(db);
        await noteTerms(db, by, replaced);
        return replaced;
      });
      if (changed !== undefined) return changed;
    } catch (error) {
      const { campaignId, code, shop } = coupon;
      throw refusalOf(error, campaignId === null ? { code: code ?? '', shop } : { campaignId }) ?? error;
    }
  }
}

/** undefined if more holds may have lapsed than one transaction gives back. */
async function replaceUnheld(
  db: Queryable,
  { couponId }: Coupon,
  terms: Terms,
  version: number | undefined,
): Promise<Coupon | undefined> {
  await checkStacking(db, terms, couponId, '');
  await lockCoupons(db, [couponId]);
  const { more, uses } = await giveBackLapsed(db, [couponId], 0, LAPSED_AT_ONCE);
  const revision = uses[0]?.revision;
  if (version !== undefined && revision !== undefined && revision !== version)
    throw preconditionFailed(`"${version}"`, { version: revision }, couponName(couponId));
  if (more) return undefined;
  const changed = await changeCoupon(db, couponId, terms);
  if (changed === undefined) throw new Error(`coupon ${couponId} does not exist`);
  return changed;
}

/** Begins a sentence. */
export function couponName(couponId: number): string {
  return `Coupon ${couponId}`;
}

async function checkStacking(
  db: Queryable,
  terms: Terms,
  except: number | null,
  prefix: string,
): Promise<void> {
  await lockStacking(db);
  const neighbours = await readStackingNeighbours(db, terms, except);
  const others = neighbours.map(({ couponId, terms: stacking }) => ({
    stacking,
    described: `coupon ${couponId}`,
  }));
  const faults = contradictionsWith(terms, others).map(({ field, value, expected }) =>
    fieldFault(field, value, expected),
  );
  if (faults.length > 0) throw invalidRequest(prefixed(faults, prefix));
}

function codeTaken(code: string): Problem {
  return new Problem('conflict', `A coupon with the code ${code} already exists.`, {
    errors: [fieldFault('code', code, 'a code that does not exist yet')],
  });
}

/** The problem for a violated constraint. */
function refusalOf(error: unknown, of: CouponOf): Problem | undefined {
  const found = couponConstraint(error);
  // A hold has lapsed since lapsed holds were given back, and counts above the new limit: it was still held at that time.
  const constraint = found === 'coupons_used' ? 'coupons_unheld' : found;
  if ('code' in of) {
    if (constraint === 'coupons_code_key') return codeTaken(of.code);
    if (constraint === 'coupons_unheld') {
      return new Problem('conflict', `The coupon ${of.code} has holders: its terms cannot change.`);
    }
    return undefined;
  }
  const { campaignId } = of;
  switch (constraint) {
    case 'coupons_campaign_id_fkey':
      return unknownCampaign(campaignId, 'campaign');
    case 'coupons_campaign_id_key':
      return new Problem('conflict', `Campaign ${campaignId} already has terms; replace them instead.`);
    case 'coupons_before_grants':
      return new Problem(
        'conflict',
        `Campaign ${campaignId} is not a coupon campaign or has already granted coupons: its codes cannot get terms.`,
      );
    case 'coupons_unheld':
      return new Problem(
        'conflict',
        `Campaign ${campaignId} has granted coupons: their terms can no longer change.`,
      );
    default:
      return undefined;
  }
}
