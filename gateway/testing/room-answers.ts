/** For the test of the OpenAPI document: produces every answer that it promises about passes to rooms. */
import assert from 'node:assert/strict';
import { openEvents } from '../../engine/test/events.ts';
import { eventually } from '../../engine/test/support.ts';
import { type AskInit, type System, toAnswer } from '../../engine/test/system.ts';
import type { Cases, Given } from '../coupons/testing/answers.ts';

export interface Rooms {
  /** alice and gone were admitted; behind waits. */
  readonly room: number;
  /** alice was admitted; its passes admit once. */
  readonly once: number;
  /** All its users were archived. */
  readonly archived: number;
}

/** Opens two rooms, and waits until users are admitted. */
export async function openRooms(system: System): Promise<Omit<Rooms, 'archived'>> {
  const room = await system.offer({ kind: 'room', per_second: 100, capacity: 2 });
  const once = await system.offer({ kind: 'room', per_second: 100, single_use: true });
  for (const user of ['alice', 'gone', 'behind']) await system.enter(user, room);
  await system.enter('alice', once);
  for (const [user, id] of [
    ['gone', room],
    ['behind', room],
    ['alice', once],
  ] as const) {
    const authorization = `Bearer ${await system.ticket(user)}`;
    await openEvents(`${system.gateways[0]?.url}/v1/campaigns/${id}/queue`, { authorization });
  }
  for (const [user, id] of [
    ['gone', room],
    ['alice', once],
  ] as const) {
    await eventually(async () => (await system.ask(user, 'POST', `/v1/campaigns/${id}/pass`)).status === 200);
  }
  return { room, once };
}

export interface RoomCasesOptions {
  readonly system: System;
  readonly rooms: Rooms;
  /** A campaign of another kind. */
  readonly other: number;
  /** The index of a gateway without Postgres, and of one without SHOP_TOKEN and keys. */
  readonly cut: number;
  readonly bare: number;
  /** Sends a POST whose body never arrives. */
  readonly slowBody: (path: string, authorization: string) => Promise<Given>;
}

export function roomCases({
  system,
  rooms: { room, once, archived },
  other: raffle,
  cut: cutGateway,
  bare: bareGateway,
  slowBody,
}: RoomCasesOptions): Cases {
  const given = ({ status, headers, text }: Awaited<ReturnType<System['ask']>>): Given => ({
    status,
    mediaType: headers.get('content-type') ?? '',
    text,
  });
  const ask = async (user: string, method: string, path: string, init: AskInit = {}): Promise<Given> =>
    given(await system.ask(user, method, path, init));
  const shop = async (method: string, path: string, init: AskInit = {}): Promise<Given> =>
    given(await system.shop(method, path, init));
  const anonymous = async (method: string, path: string): Promise<Given> =>
    given(await toAnswer(await fetch(system.gateways[0]?.url + path, { method })));
  const passOf = async (user: string, campaign: number): Promise<string> =>
    String((await system.ask(user, 'POST', `/v1/campaigns/${campaign}/pass`)).body.pass);
  /** Passes that were issued before the admission was used, or had ended. */
  let usedPass = '';
  let gonePass = '';
  const report = (id: number): string => `/v1/campaigns/${id}/reports`;
  const check = (id: number): string => `/v1/campaigns/${id}/check`;
  const used = (pass: string): string => JSON.stringify({ event: 'used', pass });
  const left = (serial: number): string => JSON.stringify({ event: 'left', serial });
  const cut = { gateway: cutGateway };
  const bare = { gateway: bareGateway };
  return {
    'post /v1/campaigns/{id}/pass 200 ': () => ask('alice', 'POST', `/v1/campaigns/${room}/pass`),
    'post /v1/campaigns/{id}/pass 401 unauthenticated': () => anonymous('POST', `/v1/campaigns/${room}/pass`),
    'post /v1/campaigns/{id}/pass 400 invalid-request': () => ask('alice', 'POST', '/v1/campaigns/x/pass'),
    'post /v1/campaigns/{id}/pass 404 unknown-campaign': () => ask('alice', 'POST', '/v1/campaigns/999/pass'),
    'post /v1/campaigns/{id}/pass 503 unavailable': () =>
      ask('alice', 'POST', `/v1/campaigns/${room}/pass`, cut),
    'post /v1/campaigns/{id}/pass 404 no-room': () => ask('alice', 'POST', `/v1/campaigns/${raffle}/pass`),
    'post /v1/campaigns/{id}/pass 409 no-pass': () => ask('behind', 'POST', `/v1/campaigns/${room}/pass`),
    'post /v1/campaigns/{id}/pass 409 pass-used': async () => {
      usedPass = await passOf('alice', once);
      assert.equal((await shop('POST', report(once), { body: used(usedPass) })).status, 200);
      return await ask('alice', 'POST', `/v1/campaigns/${once}/pass`);
    },
    'post /v1/campaigns/{id}/pass 410 archived': () => ask('alice', 'POST', `/v1/campaigns/${archived}/pass`),
    'post /v1/campaigns/{id}/pass 503 not-configured': () =>
      ask('alice', 'POST', `/v1/campaigns/${room}/pass`, bare),
    'post /v1/campaigns/{id}/reports 200 ': async () =>
      shop('POST', report(room), { body: used(await passOf('alice', room)) }),
    'post /v1/campaigns/{id}/reports 401 unauthenticated': () => ask('alice', 'POST', report(room)),
    'post /v1/campaigns/{id}/reports 400 invalid-request': () =>
      shop('POST', report(room), { body: '{"event":"used","serial":1}' }),
    'post /v1/campaigns/{id}/reports 404 unknown-campaign': () =>
      shop('POST', report(999), { body: left(1) }),
    'post /v1/campaigns/{id}/reports 503 unavailable': () =>
      shop('POST', report(room), { ...cut, body: left(2) }),
    'post /v1/campaigns/{id}/reports 403 other-shop': async () =>
      shop('POST', report(room), { headers: await system.shopOf('cycles'), body: left(2) }),
    'post /v1/campaigns/{id}/reports 404 no-room': () => shop('POST', report(raffle), { body: left(1) }),
    'post /v1/campaigns/{id}/reports 404 no-entry': () => shop('POST', report(room), { body: left(999) }),
    'post /v1/campaigns/{id}/reports 409 no-pass': async () => {
      gonePass = await passOf('gone', room);
      assert.equal((await shop('POST', report(room), { body: left(2) })).status, 200);
      return await shop('POST', report(room), { body: used(gonePass) });
    },
    'post /v1/campaigns/{id}/reports 409 pass-used': () =>
      shop('POST', report(once), { body: used(usedPass) }),
    'post /v1/campaigns/{id}/reports 403 pass-refused': () =>
      shop('POST', report(room), { body: used(usedPass) }),
    'post /v1/campaigns/{id}/reports 410 archived': () => shop('POST', report(archived), { body: left(1) }),
    'post /v1/campaigns/{id}/reports 408 request-timeout': () =>
      slowBody(report(room), `Bearer ${system.shopToken}`),
    'post /v1/campaigns/{id}/reports 413 payload-too-large': () =>
      shop('POST', report(room), { body: ' '.repeat(5_000) }),
    'post /v1/campaigns/{id}/reports 415 unsupported-media-type': () =>
      shop('POST', report(room), { headers: { 'content-type': 'text/xml' }, body: '<a/>' }),
    'post /v1/campaigns/{id}/reports 503 not-configured': () =>
      shop('POST', report(room), { ...bare, body: left(2) }),
    'get /v1/campaigns/{id}/check 204 ': async () => {
      const pass = await passOf('alice', room);
      return await shop('GET', check(room), { headers: { 'x-original-uri': `/cart?pass=${pass}` } });
    },
    'get /v1/campaigns/{id}/check 401 unauthenticated': () => shop('GET', check(room)),
    'get /v1/campaigns/{id}/check 400 invalid-request': () => shop('GET', '/v1/campaigns/x/check'),
    'get /v1/campaigns/{id}/check 404 unknown-campaign': () => shop('GET', check(999)),
    'get /v1/campaigns/{id}/check 503 unavailable': async () => {
      const cookie = `fairline_pass=${await passOf('alice', room)}`;
      return await shop('GET', check(room), { ...cut, headers: { cookie } });
    },
    'get /v1/campaigns/{id}/check 403 other-shop': async () =>
      shop('GET', check(room), { headers: await system.shopOf('cycles') }),
    'get /v1/campaigns/{id}/check 404 no-room': () => shop('GET', check(raffle)),
    'get /v1/campaigns/{id}/check 403 pass-refused': () =>
      shop('GET', check(room), { headers: { 'x-fairline-pass': gonePass } }),
    'get /v1/campaigns/{id}/check 503 not-configured': () => shop('GET', check(room), bare),
    'get /.well-known/jwks.json 200 ': () => anonymous('GET', '/.well-known/jwks.json'),
  };
}
