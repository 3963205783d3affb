/**
 * Getting into the shop: passes for admitted users, and the shop's reports of passes and visits.
 * engine/settling/judges/ROOM.md draws the requests between them. All of this reads the ledger; requests of waiting users
 * never do.
 */
import type { HttpRequest } from 'uWebSockets.js';
import { cookieOf } from '../../engine/contract/api/cookies.ts';
import { isoOfMs } from '../../engine/contract/api/instants.ts';
import {
  type FieldFault,
  faultsText,
  fieldFault,
  type ProblemSlug,
} from '../../engine/contract/api/problem.ts';
import type { BoardCampaign } from '../../engine/contract/redis/board/board.ts';
import {
  endVisit,
  findVisit,
  readVisit,
  usePass,
  type Visit,
  wasUsedBy,
} from '../../sql/statements/rooms/visits.ts';
import type { Ledger } from '../cold/ledger.ts';
import type { ShelvedCampaigns } from '../cold/shelved.ts';
import { refuseUnavailable } from '../cold/unavailable.ts';
import type { GatewayConfig } from '../config.ts';
import type { Blocks } from '../entry/blocks.ts';
import { type BodyParts, readJsonBody } from '../http/body.ts';
import type { PassView, VisitView } from '../http/contract/rooms.ts';
import { ANSWERED, type Answered, type Headers, type Reply } from '../http/reply.ts';
import {
  type ArchiveParts,
  authenticate,
  type CampaignLookupParts,
  campaignOf,
  type Head,
  type RefusalParts,
  readCampaignId,
  readTicket,
  refuseArchived,
  refuseInvalid,
  type TicketParts,
} from '../http/requests.ts';
import { authenticateShop, refuseOtherShop, type ShopParts } from '../shops/authenticate.ts';
import type { PassClaims, PassTokens } from './pass-tokens.ts';
import { MAX_REPORT_BYTES, passOfUri, readReport } from './visit-input.ts';

/** To look up a room and its visits. */
interface RoomLookupParts extends CampaignLookupParts, ArchiveParts {
  readonly shelved: Pick<ShelvedCampaigns, 'find' | 'archiveOf'>;
  readonly ledger: Pick<Ledger, 'ask'>;
}

/** To check a pass, and to mark it as used. */
interface PassUseParts {
  readonly ledger: Pick<Ledger, 'ask'>;
  readonly passes: Pick<PassTokens, 'sign' | 'verify'>;
}

export interface PassParts extends TicketParts, RoomLookupParts {
  readonly blocks: Pick<Blocks, 'refuse'>;
  readonly config: Pick<GatewayConfig, 'PASS_LIFETIME_S'>;
  readonly passes: Pick<PassTokens, 'sign'>;
}

export interface ReportParts extends ShopParts, BodyParts, RoomLookupParts, PassUseParts {}

export interface CheckParts extends ShopParts, CampaignLookupParts, PassUseParts {}

export interface JwksParts {
  readonly passes: Pick<PassTokens, 'jwks'>;
}

/** The lifetime of the token of a visit that has no end of its own. */
const LONGEST_VISIT_MS = 12 * 3_600_000;
const PASS_COOKIE = 'fairline_pass';
const VISIT_COOKIE = 'fairline_visit';

/** Why an admission was refused. */
interface Refusal {
  readonly slug: ProblemSlug;
  readonly detail: string;
  readonly fault?: FieldFault;
}

/** POST /v1/campaigns/{id}/pass: the caller's pass. */
export async function postPass(
  parts: PassParts,
  reply: Reply,
  req: HttpRequest,
  head: Readonly<Head>,
): Promise<void> {
  const ticket = readTicket(head, req.getQuery('ticket'));
  const idText = req.getParameter(0) ?? '';
  const userId = authenticate(parts, reply, ticket);
  if (userId === ANSWERED) return;
  if (parts.blocks.refuse(reply, userId, head.forwardedFor) === ANSWERED) return;
  const room = await roomOf(parts, reply, idText);
  if (room === ANSWERED) return;
  const { campaignId } = room;
  await answering(parts, reply, async () => {
    const visit = await parts.ledger.ask(db => findVisit(db, campaignId, userId));
    if (visit === undefined && (await refuseArchived(parts, reply, room)) === ANSWERED) return;
    const refusal = visit === undefined ? notYet(campaignId) : refusalOf(visit);
    if (visit === undefined || refusal !== undefined)
      return refuse(parts, reply, refusal ?? notYet(campaignId));
    const lifetimeMs = parts.config.PASS_LIFETIME_S * 1000;
    const signed = await parts.passes.sign('pass', claimsFor(campaignId, visit), lifetimeMs);
    if (signed === undefined) return refuseUnsigned(parts, reply);
    const view: PassView = {
      pass: signed.token,
      expires_at: isoOfMs(signed.expiresMs),
      serial: visit.serial,
    };
    reply.notStored(JSON.stringify(view));
  });
}

/** GET /.well-known/jwks.json. A new key takes over later than this response may be cached. */
export function getJwks(parts: JwksParts, reply: Reply): void {
  reply.json(200, JSON.stringify(parts.passes.jwks()), { 'cache-control': 'public, max-age=2' });
}

/** POST /v1/campaigns/{id}/reports: the shop's report of a pass or a visit. */
export async function postReport(
  parts: ReportParts,
  reply: Reply,
  req: HttpRequest,
  head: Readonly<Head>,
): Promise<void> {
  const idText = req.getParameter(0) ?? '';
  const authenticated = authenticateShop(parts, reply, head.authorization);
  if (authenticated === ANSWERED) return;
  // Both at once: the server delivers a body only to a handler that asks for it before it returns.
  const [caller, body] = await Promise.all([
    authenticated,
    readJsonBody(parts, reply, { ...head }, MAX_REPORT_BYTES),
  ]);
  if (caller === ANSWERED || body === ANSWERED) return;
  const report = readReport(body.value);
  if (Array.isArray(report)) return void refuseInvalid(parts, reply, report);
  const room = await roomOf(parts, reply, idText);
  if (room === ANSWERED || refuseOtherShop(parts, reply, caller, room) === ANSWERED) return;
  const { campaignId } = room;
  await answering(parts, reply, async () => {
    if (report.event === 'used') {
      const used = await use(parts, campaignId, report.pass, report.session);
      if ('slug' in used) return refuse(parts, reply, used);
      const visit = await signVisit(parts, campaignId, used);
      if (visit === undefined) return refuseUnsigned(parts, reply);
      reply.notStored(JSON.stringify({ ...visitView(used), visit: visit.token }));
      return;
    }
    const { event: how, serial } = report;
    await parts.ledger.ask(db => endVisit(db, { campaignId, serial, how }));
    const visit = await parts.ledger.ask(db => readVisit(db, campaignId, serial));
    if (visit === undefined && (await refuseArchived(parts, reply, room)) === ANSWERED) return;
    if (visit === undefined) return refuse(parts, reply, unknownSerial(campaignId, serial));
    reply.notStored(JSON.stringify(visitView(visit)));
  });
}

/**
 * GET /v1/campaigns/{id}/check: whether to admit the customer of a request to the shop, for nginx' auth_request, which
 * knows only 204, 401 and 403. A visit with a valid proof stands until its end; a pass is marked as used, and the
 * resulting visit is set as a cookie.
 */
export async function getCheck(
  parts: CheckParts,
  reply: Reply,
  req: HttpRequest,
  head: Readonly<Head>,
): Promise<void> {
  const idText = req.getParameter(0) ?? '';
  const isSecure = req.getHeader('x-forwarded-proto') === 'https';
  const visitToken = req.getHeader('x-fairline-visit') || (cookieOf(head.cookie, VISIT_COOKIE) ?? '');
  const pass =
    req.getHeader('x-fairline-pass') ||
    passOfUri(req.getHeader('x-original-uri')) ||
    (cookieOf(head.cookie, PASS_COOKIE) ?? '');
  const caller = await authenticateShop(parts, reply, head.authorization);
  if (caller === ANSWERED) return;
  const room = await roomOf(parts, reply, idText);
  if (room === ANSWERED || refuseOtherShop(parts, reply, caller, room) === ANSWERED) return;
  const { campaignId } = room;
  await answering(parts, reply, async () => {
    if (visitToken !== '') {
      const known = await parts.passes.verify('visit', campaignId, visitToken);
      if ('claims' in known) return reply.empty(204, admittedHeaders(known.claims.sub, known.claims.serial));
    }
    if (pass === '') {
      const fault = fieldFault(
        `cookie ${PASS_COOKIE}`,
        undefined,
        'a pass, in the cookie or as ?pass= of the page',
      );
      return refuse(parts, reply, {
        slug: 'unauthenticated',
        detail: 'The request has no pass and no visit.',
        fault,
      });
    }
    const used = await use(parts, campaignId, pass, undefined);
    if ('slug' in used) return refuse(parts, reply, { ...used, slug: 'pass-refused' });
    const visit = await signVisit(parts, campaignId, used);
    if (visit === undefined) return refuseUnsigned(parts, reply);
    const seconds = Math.floor(visit.lastsMs / 1000);
    const cookie = `${VISIT_COOKIE}=${visit.token}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Lax`;
    reply.empty(204, {
      ...admittedHeaders(used.userId, used.serial),
      'set-cookie': isSecure ? `${cookie}; Secure` : cookie,
    });
  });
}

/** Admits the holder of this pass; returns the visit or the refusal. */
async function use(
  { passes, ledger }: PassUseParts,
  campaignId: number,
  pass: string,
  session: string | undefined,
): Promise<Visit | Refusal> {
  const checked = await passes.verify('pass', campaignId, pass);
  if ('fault' in checked) {
    return {
      slug: 'pass-refused',
      detail: `Invalid pass: ${faultsText([checked.fault])}.`,
      fault: checked.fault,
    };
  }
  const { sub, serial, jti } = checked.claims;
  const admission = { campaignId, serial, userId: sub, code: jti };
  const isFirst = await ledger.ask(db => usePass(db, { ...admission, session: session ?? null }));
  const visit = await ledger.ask(db => readVisit(db, campaignId, serial));
  if (visit === undefined || visit.userId !== sub || visit.code !== jti) {
    return { slug: 'pass-refused', detail: `Campaign ${campaignId} has no such admission.` };
  }
  if (isFirst) return visit;
  const refusal = refusalOf(visit);
  const mayRepeat = refusal?.slug === 'pass-used' && session !== undefined;
  if (mayRepeat && (await ledger.ask(db => wasUsedBy(db, { campaignId, serial, session })))) return visit;
  return refusal ?? visit;
}

/** Why the pass of a visit does not admit, or undefined if it does. */
function refusalOf({ state, isOver, singleUse, serial }: Visit): Refusal | undefined {
  if (state === 'left' || state === 'expired' || isOver) {
    const how = state === 'left' ? 'has left' : 'did not arrive in time or stayed too long';
    return { slug: 'no-pass', detail: `Admission ${serial} has ended: the visitor ${how}.` };
  }
  if (state === 'inside' && singleUse) {
    return { slug: 'pass-used', detail: `The pass of admission ${serial} was already used; it admits once.` };
  }
  return undefined;
}

function notYet(campaignId: number): Refusal {
  const detail = `It is not your turn in campaign ${campaignId}; GET /v1/campaigns/${campaignId}/queue reports when it is.`;
  return { slug: 'no-pass', detail };
}

function unknownSerial(campaignId: number, serial: number): Refusal {
  const fault = fieldFault('serial', serial, 'the number of an admission, from the pass or visit');
  return { slug: 'no-entry', detail: `Campaign ${campaignId} has no admission ${serial}.`, fault };
}

/**
 * The token lasts for what is left of the visit, however often its pass is shown: nobody asks the ledger about it again, and
 * the next user is admitted when the visit ends there.
 */
async function signVisit(
  { passes }: Pick<PassUseParts, 'passes'>,
  campaignId: number,
  visit: Visit,
): Promise<{ readonly token: string; readonly lastsMs: number } | undefined> {
  const lastsMs = visit.leftMs ?? LONGEST_VISIT_MS;
  const signed = await passes.sign('visit', claimsFor(campaignId, visit), lastsMs);
  return signed && { token: signed.token, lastsMs };
}

function claimsFor(campaign: number, { userId, serial, code }: Visit): PassClaims {
  return { sub: userId, campaign, serial, jti: code };
}

function visitView({ userId, serial, state }: Visit): VisitView {
  return { user: userId, serial, state };
}

/** Headers that the shop may pass on to its pages. */
function admittedHeaders(userId: string, serial: number): Headers {
  return {
    'x-fairline-user': encodeURIComponent(userId),
    'x-fairline-serial': String(serial),
    'cache-control': 'no-store',
  };
}

/** The room; answers 400, 404 or 503 if there is none. */
async function roomOf(
  parts: CampaignLookupParts,
  reply: Reply,
  idText: string,
): Promise<BoardCampaign | Answered> {
  const id = readCampaignId(parts, reply, idText);
  if (id === ANSWERED) return id;
  const campaign = await campaignOf(parts, reply, id);
  if (campaign === ANSWERED || campaign.kind === 'room') return campaign;
  return reply.problem('no-room', `Campaign ${id} is a ${campaign.kind}; it has no passes.`);
}

function refuse(parts: RefusalParts, reply: Reply, { slug, detail, fault }: Refusal): void {
  parts.metrics.refuse('pass');
  reply.problem(slug, detail, { members: fault === undefined ? {} : { errors: [fault] } });
}

function refuseUnsigned(parts: RefusalParts, reply: Reply): void {
  parts.metrics.refuse('pass');
  const right = 'a directory with a key for passes; `npm run keys -- rotate passes` creates one';
  reply.problem('not-configured', 'The gateways have no key to sign passes.', {
    members: { errors: [fieldFault('SIGNING_KEYS_DIR', undefined, right)] },
  });
}

/** Runs a query of the ledger; answers 503 if the ledger is unavailable. */
async function answering(parts: RefusalParts, reply: Reply, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    refuseUnavailable(parts, reply, error, 'Passes cannot be looked up right now. Retrying is safe.');
  }
}
