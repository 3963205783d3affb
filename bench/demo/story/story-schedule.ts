/** The first chapter: an operator makes and schedules campaigns, moves an opening, and cancels a campaign. */
import { isoOfMs } from '../../../engine/contract/api/instants.ts';
import type { OperatorClient } from './story-cast.ts';
import type { Answer } from './story-http.ts';
import type { Stage } from './story-teller.ts';

/** The ids of the story's campaigns, and when they open. */
export interface Scheduled {
  readonly coupon: number;
  readonly raffle: number;
  readonly room: number;
  readonly opensAtMs: number;
}

/** Time for all campaigns to be made and announced, also on a slow machine. */
const OPENS_IN_MS = 25_000;
/** How soon the raffle opens after it is moved: an edit is made four seconds before the time that it changes. */
const MOVED_IN_MS = 20_000;
/** The first opening of the raffle, and that of the campaign that is cancelled. */
const LATER_MS = 3_600_000;
const WINDOW_MS = 4 * 3_600_000;
const ZONE = 'Europe/Berlin';

/** Short, so that the story does not wait for long; on a slow machine people need some of it to claim in time. */
export const CLAIM_WITHIN_S = 10;
export const STOCK = 2;
export const WAITLIST = 3;
export const WINNERS = 2;

export async function schedule(stage: Stage): Promise<Scheduled> {
  const { teller, operator } = stage;
  teller.chapter('1. The operator schedules');
  const opensAtMs = Math.ceil((Date.now() + OPENS_IN_MS) / 1_000) * 1_000;
  const made = await makeCampaigns(stage, opensAtMs);
  await refuseWhatIsWrong(stage);
  await lookUp(stage, made, opensAtMs);
  await moveOpening(stage, made.raffle);
  await callOff(stage, made.rehearsal);
  const openings = await openingsOf(operator);
  teller.equal(
    'openings that are coming, by campaign',
    openings.map(({ campaign }) => campaign).sort(),
    [made.coupon, made.raffle, made.room].sort(),
  );
  stage.counts.set('campaigns scheduled', openings.length);
  return { ...made, opensAtMs };
}

interface Made {
  readonly coupon: number;
  readonly raffle: number;
  readonly room: number;
  readonly rehearsal: number;
}

async function makeCampaigns({ teller, operator }: Stage, opensAtMs: number): Promise<Made> {
  const window = (fromMs: number): object => ({
    opens_at: isoOfMs(fromMs),
    closes_at: isoOfMs(fromMs + WINDOW_MS),
    time_zone: ZONE,
  });
  const make = async (what: string, body: object): Promise<number> => {
    const answer = await operator.ask('POST', '/v1/campaigns', { body });
    const id = Number(teller.need(`making ${what}`, answer, 201).body.id);
    teller.say(operator.name, `makes ${what}: campaign ${id}`);
    return id;
  };
  const coupon = await make('a coupon, as a draft', {
    ...{ kind: 'coupon', title: 'Twenty percent', stock: STOCK, draft: true },
    ...{ claim_within_s: CLAIM_WITHIN_S, waitlist: WAITLIST },
    ...window(opensAtMs),
  });
  const terms = {
    ...{ discount: 'percentage', basis_points: 2_000, stack_class: 'drop' },
    ...{ stackable_with: ['welcome'], stack_order: 1 },
  };
  const given = await operator.ask('POST', '/v1/coupons', { body: { campaign: coupon, terms } });
  teller.need('the terms of its codes', given, 201);
  const raffle = await make('a raffle', {
    ...{ kind: 'raffle', title: 'Two bicycles', winners: WINNERS, alternates: 3 },
    claim_within_s: CLAIM_WITHIN_S,
    ...window(opensAtMs + LATER_MS),
  });
  const room = await make('a waiting room', {
    ...{ kind: 'room', title: 'The shop', per_second: 20, capacity: 2 },
    ...{ grace_seconds: 30, pass_seconds: 60, single_use: true },
    ...window(opensAtMs),
  });
  const rehearsal = await make('a rehearsal', {
    ...{ kind: 'coupon', title: 'Rehearsal', stock: 1 },
    ...window(opensAtMs + LATER_MS),
  });
  const announced = await change(operator, coupon, 'announce', { reason: 'all is set' });
  teller.need('announcing the draft', announced, 200);
  teller.equal('the draft, once it is announced,', announced.body.status, 'scheduled');
  return { coupon, raffle, room, rehearsal };
}

/** A mistake is refused when it is made. The answer names both readings of a time that the clocks skip. */
async function refuseWhatIsWrong({ teller, operator }: Stage): Promise<void> {
  const body = { kind: 'coupon', title: 'In the gap', stock: 1, time_zone: ZONE };
  const times = { opens_at: '2030-03-31T02:30:00', closes_at: '2030-03-31T12:00:00' };
  const gap = await operator.ask('POST', '/v1/campaigns', { body: { ...body, ...times } });
  teller.refused('an opening while clocks go forward', gap, 'invalid-request');
  const said = JSON.stringify(gap.body.errors ?? '');
  teller.check(
    'both readings are named',
    ['00:30', '01:30'].every(text => said.includes(text)),
    said,
  );
  teller.say(operator.name, 'is told both readings of 02:30 in the night when clocks go forward');
}

async function lookUp({ teller, operator }: Stage, made: Made, opensAtMs: number): Promise<void> {
  const openings = await openingsOf(operator);
  teller.equal('openings that are coming', openings.length, 4);
  teller.check(
    'they come by time',
    openings.every(({ at }, index) => index === 0 || at >= (openings[index - 1]?.at ?? at)),
    openings,
  );
  const own = openings.find(({ campaign }) => campaign === made.coupon);
  teller.equal('the opening of the coupon', own?.at, isoOfMs(opensAtMs));
  for (const { at, local, title } of openings) teller.say(operator.name, `sees ${at} (${local}) ${title}`);
}

async function moveOpening(stage: Stage, raffle: number): Promise<void> {
  const { teller, operator, colleague } = stage;
  const path = `/v1/campaigns/${raffle}`;
  const opensAtMs = Math.ceil((Date.now() + MOVED_IN_MS) / 1_000) * 1_000;
  const body = { opens_at: isoOfMs(opensAtMs), reason: 'soon after the coupon' };
  const etag = await etagOf(operator, raffle);
  const without = await operator.ask('PATCH', path, { body });
  teller.refused('an edit that does not say what it was made for', without, 'precondition-required');
  const dry = await operator.ask('PATCH', `${path}?dryRun=true`, { body, headers: { 'if-match': etag } });
  teller.need('what moving it would do', dry, 200);
  teller.equal('a dry run changes nothing: the ETag', await etagOf(operator, raffle), etag);
  const both = async (): Promise<readonly Answer[]> =>
    await Promise.all(
      [operator, colleague].map(client => client.ask('PATCH', path, { body, headers: { 'if-match': etag } })),
    );
  let edits = await both();
  // When a gateway has not confirmed in time, nothing has changed; the operator asks again.
  while (edits.some(({ body: said }) => said.reason === 'gateway_silent')) edits = await both();
  const done = edits.filter(({ status }) => status === 200);
  teller.check(
    'of two operators who move it at once one did',
    done.length === 1,
    edits.map(({ status, body: said }) => ({ status, ...said })),
  );
  const other = edits.find(({ status }) => status !== 200);
  teller.check(
    'the other one is told to read it again, or to wait',
    other !== undefined && [409, 412].includes(other.status),
    other?.body,
  );
  teller.equal('the opening of the raffle', done[0]?.body.opens_at, isoOfMs(opensAtMs));
  const mover = edits[0]?.status === 200 ? operator : colleague;
  teller.say(mover.name, 'moves the opening of the raffle: every gateway has confirmed it');
  const past = await operator.ask('PATCH', path, {
    body: { opens_at: isoOfMs(Date.now() - 60_000) },
    headers: { 'if-match': '*' },
  });
  teller.check('an opening in the past is refused', past.status === 409 || past.status === 400, past.body);
}

async function callOff({ teller, operator, colleague }: Stage, rehearsal: number): Promise<void> {
  const answer = await change(colleague, rehearsal, 'cancel', { reason: 'it was only a rehearsal' });
  teller.need('cancelling the rehearsal', answer, 200);
  teller.equal('the rehearsal', answer.body.status, 'cancelled');
  const { body } = await operator.ask('GET', `/v1/campaigns/${rehearsal}/versions`);
  const versions = Array.isArray(body.versions) ? body.versions : [];
  const last: unknown = versions.at(-1);
  const { action, by, reason } = Object(last);
  const told = { action, by, reason };
  teller.equal('who cancelled it, and why,', told, {
    action: 'cancel',
    by: colleague.name,
    reason: 'it was only a rehearsal',
  });
  teller.say(colleague.name, `calls the rehearsal off; its history has ${versions.length} versions`);
}

interface Coming {
  readonly at: string;
  readonly local: string;
  readonly campaign: number;
  readonly title: string;
}

async function openingsOf(client: OperatorClient): Promise<readonly Coming[]> {
  const { body } = await client.ask('GET', '/v1/schedule?kind=opening');
  return Array.isArray(body.scheduled) ? body.scheduled : [];
}

/** Changes the state of the campaign, from its current version. */
async function change(
  client: OperatorClient,
  campaign: number,
  action: string,
  body: object,
): Promise<Answer> {
  const headers = { 'if-match': await etagOf(client, campaign) };
  return await client.ask('POST', `/v1/campaigns/${campaign}/${action}`, { body, headers });
}

async function etagOf(client: OperatorClient, campaign: number): Promise<string> {
  const { headers } = await client.ask('GET', `/v1/campaigns/${campaign}`);
  return headers.get('etag') ?? '';
}
