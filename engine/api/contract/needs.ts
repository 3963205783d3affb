/** The permission that each operation below /v1/ needs. */
import type { Permission } from '../../operators/roles.ts';
import type { Operation, SECURED_PREFIX } from './operation.ts';
import { operations } from './operations.ts';

type Operations = typeof operations;
/** The operations below SECURED_PREFIX that are not open, by name. */
type Secured = {
  [Name in keyof Operations]: Operations[Name] extends { readonly isOpen: true }
    ? never
    : Operations[Name]['path'] extends `${typeof SECURED_PREFIX}${string}`
      ? Name
      : never;
}[keyof Operations];

export const needs: Readonly<Record<Secured, Permission>> = {
  getOperator: 'self',
  logOut: 'self',
  listSessions: 'self',
  endSession: 'self',
  changePassword: 'self',
  renewRecoveryCodes: 'self',
  listCampaigns: 'read',
  getCampaign: 'read',
  listEntries: 'read',
  exportEntries: 'read',
  getTotals: 'read',
  listEntrants: 'read',
  getProof: 'read',
  listCoupons: 'read',
  getCoupon: 'read',
  listBlocks: 'read',
  getBlock: 'read',
  listRedemptions: 'read',
  getRoom: 'read',
  listDeadLetters: 'read',
  getClocks: 'read',
  listSchedule: 'read',
  listVersions: 'read',
  listTemplates: 'read',
  getTemplate: 'read',
  listProposals: 'read',
  getProposal: 'read',
  listActs: 'read',
  exportActs: 'read',
  findPeople: 'support',
  readPerson: 'support',
  listPersonCampaigns: 'support',
  listPersonRedemptions: 'support',
  createCampaign: 'edit',
  closeCampaign: 'edit',
  editCampaign: 'edit',
  announceCampaign: 'edit',
  pauseCampaign: 'edit',
  resumeCampaign: 'edit',
  cancelCampaign: 'edit',
  raiseCampaign: 'edit',
  archiveCampaign: 'edit',
  duplicateCampaign: 'edit',
  createTemplate: 'edit',
  useTemplate: 'edit',
  createCoupon: 'edit',
  replaceTerms: 'edit',
  restrictCoupon: 'edit',
  createBlock: 'edit',
  liftBlock: 'edit',
  setRoom: 'edit',
  setTwoPerson: 'edit',
  setEntrants: 'draw',
  passOn: 'draw',
  extendOffer: 'draw',
  approveProposal: 'approve',
  withdrawProposal: 'approve',
  trustClock: 'administer',
  createToken: 'administer',
  listTokens: 'administer',
  getToken: 'administer',
  revokeToken: 'administer',
  createShopToken: 'administer',
  listShopTokens: 'administer',
  getShopToken: 'administer',
  revokeShopToken: 'administer',
  makeFirstOwnerLink: 'administer',
  inviteOperator: 'administer',
  listOperators: 'administer',
  getAccount: 'administer',
  inviteAgain: 'administer',
  changeRole: 'administer',
  disableOperator: 'administer',
  enableOperator: 'administer',
};

const byOperation = new Map<Operation, Permission>(
  Object.entries(needs).map(([name, permission]) => [operations[name as Secured], permission]),
);

const names = new Map<Operation, string>(
  Object.entries(operations).map(([name, operation]) => [operation, name]),
);

/** Its name in the table of operations. */
export function nameOf(operation: Operation): string {
  const name = names.get(operation);
  if (name === undefined) throw new Error(`${operation.path} is not in the table of operations`);
  return name;
}

/** The permission that an operation needs; undefined for those that anybody may ask for. */
export function permissionFor(operation: Operation): Permission | undefined {
  return byOperation.get(operation);
}
