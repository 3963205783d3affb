/** Statements on what waits for a second operator; engine/operators/proposals.ts explains the rule. */
import type { Queryable } from '../../database.ts';
import type { Campaign } from '../campaigns/campaigns.ts';
import type { Role } from './operator-tokens.ts';

/** The operations of the API that may have to wait. */
export const PROPOSED_OPERATIONS = [
  'editCampaign',
  'announceCampaign',
  'cancelCampaign',
  'closeCampaign',
  'passOn',
  'setEntrants',
  'setTwoPerson',
  'raiseCampaign',
  'createCoupon',
  'replaceTerms',
] as const;
export type ProposedOperation = (typeof PROPOSED_OPERATIONS)[number];

export interface Proposal {
  readonly proposalId: number;
  readonly campaignId: number;
  readonly operation: ProposedOperation;
  /** The body of the request, as JSON. */
  readonly body: string;
  /** What the dry run said of it, as JSON: an object. */
  readonly would: string;
  /** The version of the campaign that it is based on. */
  readonly version: number;
  readonly reason: string | null;
  readonly proposedBy: string;
  readonly proposedRole: Role;
  /** Null for the engines' own token. */
  readonly proposedToken: number | null;
  readonly proposedAt: Date;
  readonly expiresAt: Date;
  readonly state: 'pending' | 'approved' | 'withdrawn' | 'expired';
  readonly decidedBy: string | null;
  readonly decidedToken: number | null;
  readonly decidedAt: Date | null;
}

export type NewProposal = Pick<
  Proposal,
  | 'campaignId'
  | 'operation'
  | 'body'
  | 'would'
  | 'version'
  | 'reason'
  | 'proposedBy'
  | 'proposedRole'
  | 'proposedToken'
>;

const COLUMNS = `
  proposal_id as "proposalId", campaign_id as "campaignId", operation, body, would, version, reason,
  proposed_by as "proposedBy", proposed_role as "proposedRole", proposed_token as "proposedToken",
  proposed_at as "proposedAt", expires_at as "expiresAt",
  case when state = 'pending' and expires_at <= statement_timestamp() then 'expired' else state end as state,
  decided_by as "decidedBy", decided_token as "decidedToken", decided_at as "decidedAt"`;

/** Undefined if `most` proposals for the campaign are pending already. */
export async function insertProposal(
  db: Queryable,
  proposal: NewProposal,
  { lifeMs, most }: { readonly lifeMs: number; readonly most: number },
): Promise<Proposal | undefined> {
  const { rows } = await db.query<Proposal>(
    `insert into proposals (campaign_id, operation, body, would, version, reason, proposed_by, proposed_role, proposed_token,
                            expires_at)
     select $1, $2, $3, $4, $5, $6, $7, $8, $9, now() + $10::double precision * interval '1 ms'
      where (select count(*) from proposals
              where campaign_id = $1 and state = 'pending' and expires_at > statement_timestamp()) < $11
     returning ${COLUMNS}`,
    [
      ...[proposal.campaignId, proposal.operation, proposal.body, proposal.would, proposal.version],
      ...[proposal.reason, proposal.proposedBy, proposal.proposedRole, proposal.proposedToken, lifeMs, most],
    ],
  );
  return rows[0];
}

export async function getProposal(db: Queryable, proposalId: number): Promise<Proposal | undefined> {
  const { rows } = await db.query<Proposal>(`select ${COLUMNS} from proposals where proposal_id = $1`, [
    proposalId,
  ]);
  return rows[0];
}

/** Proposals above `after`, by id, at most `limit`, without their bodies, which may be long. */
export async function listProposals(
  db: Queryable,
  { after, limit }: { readonly after: number; readonly limit: number },
): Promise<readonly Omit<Proposal, 'body'>[]> {
  const { rows } = await db.query<Proposal>(
    `select ${COLUMNS.replace(' body,', '')} from proposals where proposal_id > $1 order by proposal_id limit $2`,
    [after, limit],
  );
  return rows;
}

/**
 * Decides a pending proposal that has not expired; undefined if it is not pending any more. It waits for other decisions about
 * it. Rejects if its proposer approves it.
 */
export async function decideProposal(
  db: Queryable,
  proposalId: number,
  state: 'approved' | 'withdrawn',
  { name, tokenId }: { readonly name: string; readonly tokenId: number | null },
): Promise<Proposal | undefined> {
  const { rows } = await db.query<Proposal>(
    `update proposals set state = $2, decided_by = $3, decided_token = $4, decided_at = statement_timestamp()
      where proposal_id = $1 and state = 'pending' and expires_at > statement_timestamp() returning ${COLUMNS}`,
    [proposalId, state, name, tokenId],
  );
  return rows[0];
}

/** What decides whether an act waits for a second operator. */
export type RuleOfCampaign = Pick<Campaign, 'twoPerson' | 'stage' | 'kind'>;

/** The rule of a campaign; it stays so until the transaction ends. */
export async function lockRule(db: Queryable, campaignId: number): Promise<RuleOfCampaign | undefined> {
  const { rows } = await db.query<RuleOfCampaign>(
    'select two_person as "twoPerson", stage, kind from campaigns where campaign_id = $1 for share',
    [campaignId],
  );
  return rows[0];
}

/** Turns the rule on or off; returns whether that changed anything. */
export async function setTwoPerson(db: Queryable, campaignId: number, twoPerson: boolean): Promise<boolean> {
  const { rowCount } = await db.query(
    'update campaigns set two_person = $2 where campaign_id = $1 and two_person <> $2',
    [campaignId, twoPerson],
  );
  return rowCount === 1;
}
