/**
 * The fifth chapter: a waiting room before the shop. Each admitted fan gets a pass; the shop reports, and capacity becomes
 * free.
 */
import { createLocalJWKSet, jwtVerify } from 'jose';
import { until } from '../../system/waiting.ts';
import type { Fan } from './story-cast.ts';
import type { Answer, Stream } from './story-http.ts';
import type { Scheduled } from './story-schedule.ts';
import type { Stage } from './story-teller.ts';

const SOON = { everyMs: 50, limitMs: 30_000 };
/** How many people may be inside at once, until the operator raises the number. */
const CAPACITY = 2;

interface Visitor {
  readonly fan: Fan;
  readonly stream: Stream;
}

export async function visitRoom(stage: Stage, { room }: Scheduled): Promise<void> {
  const { teller, operator, fans } = stage;
  teller.chapter('5. The waiting room');
  const visitors: Visitor[] = [];
  for (const fan of fans) {
    teller.need(`${fan.name} in the line`, await fan.enter(room), 202);
    visitors.push({ fan, stream: stage.watch(fan, room) });
  }
  const first = await admitted(visitors, CAPACITY);
  teller.equal(
    'who is let in first',
    first.map(({ fan }) => fan.name),
    fans.slice(0, CAPACITY).map(({ name }) => name),
  );
  teller.say(
    'room',
    `lets ${CAPACITY} in, ${fans.length - CAPACITY} wait; nobody more while they are inside`,
  );
  const [one, two] = first;
  const third = fans[CAPACITY];
  if (!one || !two || !third) throw new Error('nobody was let in');
  const early = await third.ask('POST', `/v1/campaigns/${room}/pass`);
  teller.refused('a pass before it is their turn', early, 'no-pass');

  const serial = await enterShop(stage, room, one.fan);
  const other = await enterShop(stage, room, two.fan);
  teller.equal('people let in while the room is full', (await admittedNow(visitors)).length, CAPACITY);
  await report(stage, room, { event: 'left', serial });
  const after = await admitted(visitors, CAPACITY + 1);
  teller.equal('who is let in when one has left', after.at(-1)?.fan.name, third.name);
  teller.say(third.name, `is let in as ${one.fan.name} has left`);
  await report(stage, room, { event: 'expired', serial: other });

  const terms = { per_second: 20, capacity: fans.length };
  const raised = await operator.ask('PUT', `/v1/campaigns/${room}/room`, {
    body: terms,
    headers: { 'if-match': '*' },
  });
  teller.need('raising the capacity', raised, 200);
  const all = await admitted(visitors, fans.length);
  teller.equal('people let in once there is room', all.length, fans.length);
  teller.say(operator.name, 'raises the capacity while people wait: all are let in');
  await Promise.all(visitors.map(({ stream }) => stream.close()));
  const { body } = await operator.ask('GET', `/v1/campaigns/${room}/room`);
  const { left, expired, waiting } = Object(body.people);
  teller.equal('the room in the end', { left, expired, waiting }, { left: 1, expired: 1, waiting: 0 });
  stage.counts.set('people let into the shop', all.length);
}

/** The shop lets a fan in by their pass, once; returns the number of the admission. */
async function enterShop(stage: Stage, room: number, fan: Fan): Promise<number> {
  const { teller, shop } = stage;
  const given = await fan.ask('POST', `/v1/campaigns/${room}/pass`);
  const pass = String(teller.need(`the pass of ${fan.name}`, given, 200).body.pass);
  const { body } = await shop.ask('GET', '/.well-known/jwks.json');
  const keys = Array.isArray(body.keys) ? body.keys : [];
  const { payload } = await jwtVerify(pass, createLocalJWKSet({ keys }), {
    issuer: 'fairline',
    audience: `fairline-room-${room}`,
  });
  teller.equal('whose pass the shop reads, by the published keys,', payload.sub, fan.id);
  const [head, , signature] = pass.split('.');
  const claims = Buffer.from(JSON.stringify({ ...payload, sub: 'a-thief' })).toString('base64url');
  const forged = await report(stage, room, { event: 'used', pass: `${head}.${claims}.${signature}` });
  teller.refused('a pass with another name on it', forged, 'pass-refused');
  const used = teller.need('using the pass', await report(stage, room, { event: 'used', pass }), 200);
  teller.equal('after that they', used.body.state, 'inside');
  teller.refused('the same pass again', await report(stage, room, { event: 'used', pass }), 'pass-used');
  teller.say('shop', `lets ${fan.name} in by the pass, once`);
  return Number(used.body.serial);
}

function report({ shop }: Stage, room: number, body: object): Promise<Answer> {
  return shop.ask('POST', `/v1/campaigns/${room}/reports`, { body });
}

/** The visitors who were told that they are admitted, in the order of the line, once there are `count` of them. */
async function admitted(visitors: readonly Visitor[], count: number): Promise<readonly Visitor[]> {
  return await until(`${count} people are let in`, SOON, async () => {
    const found = await admittedNow(visitors);
    return found.length >= count ? found : undefined;
  });
}

async function admittedNow(visitors: readonly Visitor[]): Promise<readonly Visitor[]> {
  return visitors.filter(({ stream }) =>
    stream.events.some(({ type, data }) => type === 'outcome' && data.outcome === 'admitted'),
  );
}
