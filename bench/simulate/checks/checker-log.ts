/**
 * The checker's view of the log. It has its own parser (written from the table at the top of engine/contract/record/record.ts)
 * and its own rules of what counts, and shares no code with gateway and engine.
 *
 * A record counts unless it follows its incarnation's end, is a slice with a lower number than an earlier one, or is of an
 * older epoch than a marker before it in its partition (the fence of the incarnation that opens an epoch). Records that count
 * are checked at once: an incarnation writes to one partition, stamps with its own number, never gives two users the same
 * stamp, and appends no stamp at or below a promise it has already made.
 */
export interface LoggedItem {
  readonly isEntry: boolean;
  readonly isClaim: boolean;
  readonly campaignId: number;
  readonly stamp: number;
  readonly userId: string;
}

interface Incarnation {
  readonly partition: number;
  isEnded: boolean;
  sliceNumber: number;
  throughUs: number;
  readonly items: Set<string>;
}

/** What the log has of one campaign. */
export interface LoggedCampaign {
  /** The lowest stamp of each user among the entries that count. */
  readonly earliest: Map<string, number>;
  readonly owners: Map<number, string>;
  /** The earliest instant of each user's withdrawal, and of each user's claim. */
  readonly leaving: Map<string, number>;
  readonly claims: Map<string, number>;
}

const HEAD_BYTES = 48;
/** The bytes between the head and the items of a signed slice. */
const SIGNED_HEAD_BYTES = 192;
const SIGNED = 2;
const SOURCE_BIT = 0x80;
const ENTRY = 1;
const CLAIM = 3;
const SLICE = 1;
const LEAVE = 3;
const FENCE = 4;
const INCARNATIONS_OF_EPOCH = 4_294_967_296;

export class CheckedLog {
  readonly #incarnations = new Map<string, Incarnation>();
  readonly #campaigns = new Map<number, LoggedCampaign>();
  /** Keyed by partition: all incarnations below this one have ended. */
  readonly #markers = new Map<number, number>();
  /** The signed heads of the slices that count, by `gateway/incarnation/number`. */
  readonly signed = new Map<string, Buffer>();
  readonly #opensAtUs: (campaignId: number) => number;

  constructor(opensAtUs: (campaignId: number) => number) {
    this.#opensAtUs = opensAtUs;
  }

  campaign(campaignId: number): LoggedCampaign {
    let campaign = this.#campaigns.get(campaignId);
    if (campaign === undefined) {
      campaign = { earliest: new Map(), owners: new Map(), leaving: new Map(), claims: new Map() };
      this.#campaigns.set(campaignId, campaign);
    }
    return campaign;
  }

  /** Takes an appended record, and returns its items if it counts. Calls `broken` with each fault. */
  land(partition: number, bytes: Buffer, broken: (what: string) => void): readonly LoggedItem[] {
    const kind = bytes[2] ?? 0;
    const gateway = bytes.readUInt16LE(4);
    const number = bytes.readDoubleLE(8);
    const name = `${gateway}/${number}`;
    const sliceNumber = bytes.readDoubleLE(16);
    const throughUs = bytes.readDoubleLE(24);
    let incarnation = this.#incarnations.get(name);
    if (incarnation === undefined) {
      incarnation = { partition, isEnded: false, sliceNumber: 0, throughUs: 0, items: new Set() };
      this.#incarnations.set(name, incarnation);
    }
    if (incarnation.partition !== partition) broken(`${name} writes to partition ${partition} and another`);
    const marker = this.#markers.get(partition) ?? 0;
    if (kind !== FENCE && number < marker) return [];
    if (kind === FENCE && number % INCARNATIONS_OF_EPOCH === 0) {
      this.#markers.set(partition, Math.max(marker, number));
    }
    if (incarnation.isEnded || (kind === SLICE && sliceNumber < incarnation.sliceNumber)) return [];
    const items = readItems(bytes);
    if (bytes[1] === SIGNED) {
      this.signed.set(`${name}/${sliceNumber}`, bytes.subarray(HEAD_BYTES, HEAD_BYTES + SIGNED_HEAD_BYTES));
    }
    for (const item of items) this.#take(item, gateway, name, incarnation, broken);
    if (kind === LEAVE || kind === FENCE) incarnation.isEnded = true;
    incarnation.sliceNumber = Math.max(incarnation.sliceNumber, sliceNumber);
    if (kind !== FENCE) incarnation.throughUs = Math.max(incarnation.throughUs, throughUs);
    return items;
  }

  #take(
    item: LoggedItem,
    gateway: number,
    name: string,
    incarnation: Incarnation,
    broken: (what: string) => void,
  ): void {
    const { isEntry, campaignId, stamp, userId } = item;
    const campaign = this.campaign(campaignId);
    const key = `${campaignId}/${userId}/${stamp}/${isEntry}/${item.isClaim}`;
    if (incarnation.items.has(key)) return;
    incarnation.items.add(key);
    const instantUs = this.#opensAtUs(campaignId) + Math.floor(stamp / 1024);
    if (instantUs <= incarnation.throughUs) {
      broken(
        `${name} logged ${userId}'s ${stamp} of ${instantUs} us after it had promised ${incarnation.throughUs}`,
      );
    }
    if (stamp % 1024 !== gateway || stamp < 0) broken(`gateway ${gateway} gave the stamp ${stamp}`);
    if (!isEntry) {
      const byUser = item.isClaim ? campaign.claims : campaign.leaving;
      byUser.set(userId, Math.min(instantUs, byUser.get(userId) ?? instantUs));
      return;
    }
    const owner = campaign.owners.get(stamp);
    if (owner !== undefined && owner !== userId)
      broken(`${owner} and ${userId} have the same stamp ${stamp}`);
    campaign.owners.set(stamp, userId);
    campaign.earliest.set(userId, Math.min(stamp, campaign.earliest.get(userId) ?? stamp));
  }
}

function readItems(bytes: Buffer): LoggedItem[] {
  const items: LoggedItem[] = [];
  let at = HEAD_BYTES + (bytes[1] === SIGNED ? SIGNED_HEAD_BYTES : 0);
  for (let left = bytes.readUInt32LE(40); left > 0; left--) {
    const length = bytes[at + 1] ?? 0;
    items.push({
      isEntry: ((bytes[at] ?? 0) & ~SOURCE_BIT) === ENTRY,
      isClaim: ((bytes[at] ?? 0) & ~SOURCE_BIT) === CLAIM,
      campaignId: bytes.readUInt32LE(at + 2),
      stamp: bytes.readDoubleLE(at + 6),
      userId: bytes.toString('utf8', at + 14, at + 14 + length),
    });
    at += 14 + length;
  }
  return items;
}
