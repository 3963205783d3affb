import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { roundTimeMs } from './drand.ts';
import { fetchRound, type RelayOptions } from './drand-relays.ts';
import { quicknet, quicknetRound } from './quicknet.ts';

const { round } = quicknetRound;
const RIGHT = JSON.stringify(quicknetRound);
const closings: (() => Promise<void>)[] = [];
after(async () => {
  for (const close of closings) await close();
});

interface TestRelay {
  readonly url: string;
  readonly paths: string[];
}

/** A relay that answers with `listener`. */
async function relay(listener: (response: ServerResponse, asked: number) => void): Promise<TestRelay> {
  const paths: string[] = [];
  const onRequest: RequestListener = (request, response) => {
    paths.push(request.url ?? '');
    listener(response, paths.length);
  };
  const server = createServer(onRequest);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closings.push(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, paths };
}

const honest = (): Promise<TestRelay> => relay(response => response.end(RIGHT));

/** Fetches a round; returns the signature with the reported faults. */
async function fetchFrom(
  relays: readonly { readonly url: string }[],
  more: Partial<RelayOptions> = {},
): Promise<{ readonly signature: string; readonly faults: readonly string[] }> {
  const faults: string[] = [];
  const signature = await fetchRound(
    {
      chain: quicknet,
      relays: relays.map(({ url }) => url),
      timeoutMs: 10_000,
      nowMs: () => Date.now(),
      againMs: 10,
      onFault: (url, reason) => faults.push(`${relays.findIndex(each => each.url === url)}: ${reason}`),
      ...more,
    },
    round,
    new AbortController().signal,
  );
  return { signature: signature.toString('hex'), faults };
}

/** Relays that never give the round, each in its own way, with the reported fault. */
const wrong: readonly [what: string, answer: (response: ServerResponse) => void, fault: RegExp][] = [
  ['knows nothing', response => response.writeHead(404).end('{}'), /answers with status 404/],
  ['answers too early', response => response.writeHead(425).end(), /answers with status 425/],
  ['sends elsewhere', response => response.writeHead(302, { location: '/' }).end(), /redirect/],
  ['hangs up', response => response.destroy(), /fetch failed/],
  [
    'breaks off',
    response => response.writeHead(200, { 'content-length': '500' }).write('{"ro', () => response.destroy()),
    /terminated/,
  ],
  ['sends no JSON', response => response.end('<html>'), /not valid JSON/],
  ['sends nothing', response => response.end(), /JSON/],
  ['sends null', response => response.end('null'), /answers with a different round/],
  ['sends a list', response => response.end('[]'), /answers with a different round/],
  [
    'sends another round',
    response => response.end(JSON.stringify({ ...quicknetRound, round: 999 })),
    /answers with a different round/,
  ],
  [
    "sends another round's signature",
    response =>
      response.end(
        // The generator of G1: a valid point, but the signature of no round.
        JSON.stringify({
          round,
          signature:
            '97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb',
        }),
      ),
    /an invalid signature/,
  ],
  [
    'flips one bit and sends matching randomness',
    response =>
      response.end(
        RIGHT.replace(`"${quicknetRound.signature}"`, `"${quicknetRound.signature.slice(0, -1)}8"`),
      ),
    /an invalid signature/,
  ],
  ['sends no signature', response => response.end(JSON.stringify({ round })), /without a signature/],
  [
    'sends a numeric signature',
    response => response.end(JSON.stringify({ round, signature: 7 })),
    /without a signature/,
  ],
  [
    'sends an oversized body',
    response => response.end(`${RIGHT}${' '.repeat(5_000)}`),
    /more than 4096 bytes/,
  ],
  [
    'sends an endless body',
    response => {
      const go = (): void => {
        if (!response.destroyed) response.write('x'.repeat(1_024), () => setImmediate(go));
      };
      go();
    },
    /more than 4096 bytes/,
  ],
];

test('asks an honest relay for the round of the chain, at a path below its address', async () => {
  const one = await honest();
  const { signature, faults } = await fetchFrom([{ url: `${one.url}/` }]);
  equal(signature, quicknetRound.signature);
  deepEqual(one.paths, [`/${quicknet.chainHash}/public/1000`]);
  deepEqual(faults, []);
});

for (const [what, answer, fault] of wrong) {
  test(`reports a relay that ${what}, and asks it again until it answers correctly`, async () => {
    const mended = await relay((response, asked) => (asked < 3 ? answer(response) : response.end(RIGHT)));
    const { signature, faults } = await fetchFrom([mended]);
    equal(signature, quicknetRound.signature);
    equal(mended.paths.length, 3);
    equal(faults.length, 2);
    for (const message of faults) match(message, fault);
  });
}

test('succeeds while one relay is down', async () => {
  const gone = { url: 'http://127.0.0.1:1' };
  const { signature } = await fetchFrom([gone, await honest()]);
  equal(signature, quicknetRound.signature);
});

test('does not wait for a stalled relay when another answers', async () => {
  const silent = await relay(() => undefined);
  const halfway = await relay(response => response.writeHead(200).write(RIGHT.slice(0, 20)));
  const { signature, faults } = await fetchFrom([silent, halfway, await honest()], { timeoutMs: 3_600_000 });
  equal(signature, quicknetRound.signature);
  deepEqual(faults, []);
});

test('asks a relay again that answered too late', async () => {
  const slow = await relay((response, asked) => {
    if (asked < 3) void sleep(2_000, undefined, { ref: false }).then(() => response.end(RIGHT));
    else response.end(RIGHT);
  });
  const { signature, faults } = await fetchFrom([slow], { timeoutMs: 150 });
  equal(signature, quicknetRound.signature);
  ok(faults.length >= 2);
  for (const message of faults) match(message, /timeout/);
});

test('waits for the correct round while all relays lie', async () => {
  const liars = await Promise.all(wrong.slice(5, 14).map(([, answer]) => relay(answer)));
  const stopping = new AbortController();
  const faults: string[] = [];
  const fetching = fetchRound(
    {
      chain: quicknet,
      relays: liars.map(({ url }) => url),
      timeoutMs: 10_000,
      nowMs: () => Date.now(),
      againMs: 1,
      onFault: (_, reason) => {
        faults.push(reason);
        // Every relay for the second time: so it has tried again.
        if (faults.length === 2 * liars.length) stopping.abort(new Error('stopped by the test'));
      },
    },
    round,
    stopping.signal,
  );
  await rejects(
    fetching,
    error => error instanceof Error && /abort|stopped by the test/i.test(String(error)),
  );
});

test('requests no round before it is due', async () => {
  const one = await honest();
  const stopping = new AbortController();
  const chain = { ...quicknet, genesisUnixSeconds: Math.floor(Date.now() / 1000) + 90 * 86_400 };
  const fetching = fetchRound(
    optionsOf(one, chain, () => Date.now()),
    round,
    stopping.signal,
  );
  // A timer for ninety days would fire at once.
  setTimeout(() => stopping.abort(), 50);
  await rejects(fetching, { name: 'AbortError' });
  deepEqual(one.paths, []);
});

test('goes by the clock that it is given, not by that of the machine', async () => {
  const one = await honest();
  const chain = { ...quicknet, genesisUnixSeconds: Math.floor(Date.now() / 1000) + 90 * 86_400 };
  const nowMs = (): number => roundTimeMs(chain, round);
  const signature = await fetchRound(optionsOf(one, chain, nowMs), round, new AbortController().signal);
  equal(signature.toString('hex'), quicknetRound.signature);
});

function optionsOf({ url }: TestRelay, chain: RelayOptions['chain'], nowMs: () => number): RelayOptions {
  return { chain, relays: [url], timeoutMs: 10_000, againMs: 1, nowMs, onFault: () => undefined };
}
