/** What the ledger has about a person, as the API shows it. */
import type { ListedSession } from '../../../../sql/statements/fans/fan-sessions.ts';
import type { PersonAccount, PersonBlock } from '../../../../sql/statements/people/person-account.ts';
import { isoMicrosecondsOf } from '../../../contract/api/instants.ts';
import { instantOf } from '../../../contract/record/stamp.ts';
import type { PersonCampaign } from '../../../people/campaigns.ts';
import type { Found } from '../../../people/find.ts';
import type { FoundJson, PersonJson } from '../../contract/people/people-schemas.ts';
import type { PersonCampaignJson } from '../../contract/people/person-campaign-schemas.ts';

export function foundJson({ people, more, couponId, receipt, archive }: Found): FoundJson {
  return {
    people: people.map(({ userId, account, grant }) => ({
      user: userId,
      account,
      grant: grant && { campaign: grant.campaignId, serial: grant.serial, holds: grant.holds },
    })),
    more,
    coupon: couponId,
    receipt,
    archive,
  };
}

export interface Person {
  readonly userId: string;
  readonly account: PersonAccount | undefined;
  readonly sessions: readonly ListedSession[];
  readonly block: PersonBlock | undefined;
}

export function personJson({ userId, account, sessions, block }: Person): PersonJson {
  return {
    user: userId,
    account:
      account === undefined
        ? null
        : {
            kept_by: account.address === null ? 'shop' : 'fairline',
            address: account.address,
            verified: account.isVerified,
            locale: account.locale,
            created_at: account.createdAt.toISOString(),
          },
    sessions: sessions.map(session => ({
      network: session.network === '' ? null : session.network,
      user_agent: session.userAgent,
      created_at: session.madeAt.toISOString(),
      renewed_at: session.renewedAt.toISOString(),
      expires_at: session.expiresAt.toISOString(),
    })),
    block:
      block === undefined
        ? null
        : { id: block.blockId, reason: block.reason, at: block.madeAt.toISOString() },
  };
}

export function personCampaignJson(row: PersonCampaign): PersonCampaignJson {
  const { campaignId, kind, title, archive } = row;
  return {
    ...{ campaign: campaignId, kind, title, archive },
    entry: entryOf(row),
    withdrawal:
      row.withdrawnStamp === null ? null : { ...stamped(row, row.withdrawnStamp), honoured: row.isHonoured },
    claim:
      row.claimStamp === null
        ? null
        : { ...stamped(row, row.claimStamp), decided: row.isClaimDecided === true },
    offer: offerOf(row),
    grant: grantOf(row),
    passed_on: passedOnOf(row),
    terms:
      row.tickets === null ? null : { tickets: row.tickets, group: row.userGroup, excluded: row.excluded },
    visit: row.visitState === null ? null : { state: row.visitState, admitted_at: instant(row.admittedUs) },
  };
}

function entryOf(row: PersonCampaign): PersonCampaignJson['entry'] {
  const { stamp, outcome, position, receipt } = row;
  if (stamp === null || outcome === null) return null;
  return {
    ...stamped(row, stamp),
    ...{ position, outcome, claim_by: instant(row.claimByUs), ended_at: instant(row.endedUs) },
    receipt: receipt && {
      ...{ gateway: receipt.gateway, incarnation: receipt.incarnation, slice: receipt.sliceNumber },
      ...{ leaf: receipt.leaf, key: receipt.keyId },
    },
  };
}

function offerOf(row: PersonCampaign): PersonCampaignJson['offer'] {
  if (row.offerState === null) return null;
  return {
    state: row.offerState,
    serial: row.offerSerial,
    waitlist_position: row.waitlistPosition,
    offered_at: instant(row.offeredUs),
    ended_early: row.endedEarly,
  };
}

function grantOf({ serial, code, tier, grantedAt }: PersonCampaign): PersonCampaignJson['grant'] {
  if (serial === null || code === null || grantedAt === null) return null;
  return { serial, code, tier, granted_at: grantedAt.toISOString() };
}

function passedOnOf(row: PersonCampaign): PersonCampaignJson['passed_on'] {
  const { passedOnSerial: serial, passedOnReason: reason, passedOnAt: at } = row;
  if (serial === null || reason === null || at === null) return null;
  return { serial, reason, at: at.toISOString() };
}

function stamped({ opensAt }: PersonCampaign, stamp: number) {
  return { stamp, requested_at: isoMicrosecondsOf(instantOf(stamp, opensAt.getTime() * 1000)) };
}

/** `us`: microseconds since the epoch. */
function instant(us: number | null): string | null {
  return us === null ? null : isoMicrosecondsOf(us);
}
