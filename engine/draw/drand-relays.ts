/**
 * Fetches a round of drand from relays, over HTTP as drand's nodes speak it (GET /<chain hash>/public/<round>). No relay is
 * trusted: an answer counts only if its signature is right (see drand.ts), so a relay that is down, stalls, lies or sends
 * something else delays a draw and never changes it.
 *
 * When the round is due all relays are asked at once, and the first right answer ends it. Without one they are asked again, for
 * as long as it takes.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isSignatureOf, roundTimeMs } from './drand.ts';
import type { DrandChain } from './quicknet.ts';

export interface RelayOptions {
  readonly chain: DrandChain;
  /** Base addresses; the path is appended. */
  readonly relays: readonly string[];
  /** An answer that takes longer is given up. */
  readonly timeoutMs: number;
  /** The time now, milliseconds since the epoch. */
  readonly nowMs: () => number;
  /** How long to wait before all relays are asked again. */
  readonly againMs: number;
  /** Called for each relay that did not give the round, with the reason. */
  readonly onFault: (relay: string, reason: string) => void;
}

/** A raffle that was closed early may wait for months, longer than a timer can; and the clock may be set meanwhile. */
const LONGEST_WAIT_MS = 60_000;
/** A round is some 250 bytes of JSON. */
const MOST_BYTES = 4_096;
const SIGNATURE = /^[0-9a-f]{96}$/i;

/** Resolves with the signature of the round, 48 bytes; rejects only when `signal` is aborted. */
export async function fetchRound(options: RelayOptions, round: number, signal: AbortSignal): Promise<Buffer> {
  for (let leftMs = 1; leftMs > 0; ) {
    leftMs = Math.max(0, roundTimeMs(options.chain, round) - options.nowMs());
    await sleep(Math.min(leftMs, LONGEST_WAIT_MS), undefined, { signal });
  }
  for (;;) {
    const signature = await askAll(options, round, signal);
    if (signature !== undefined) return signature;
    await sleep(options.againMs, undefined, { signal });
  }
}

async function askAll(
  options: RelayOptions,
  round: number,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  const enough = new AbortController();
  const ended = AbortSignal.any([signal, enough.signal, AbortSignal.timeout(options.timeoutMs)]);
  try {
    return await Promise.any(
      options.relays.map(async relay => {
        try {
          return await ask(options.chain, relay, round, ended);
        } catch (error) {
          if (!enough.signal.aborted && !signal.aborted) options.onFault(relay, reasonOf(error));
          throw error;
        }
      }),
    );
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof AggregateError) return undefined;
    throw error;
  } finally {
    enough.abort();
  }
}

async function ask(chain: DrandChain, relay: string, round: number, signal: AbortSignal): Promise<Buffer> {
  const url = `${relay.replace(/\/+$/, '')}/${chain.chainHash}/public/${round}`;
  const response = await fetch(url, { signal, redirect: 'error', headers: { accept: 'application/json' } });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`answers with status ${response.status}`);
  }
  const answer: unknown = JSON.parse(await readText(response));
  const said = typeof answer === 'object' && answer !== null ? answer : {};
  if (!('round' in said) || said.round !== round) throw new Error('answers with a different round');
  if (!('signature' in said) || typeof said.signature !== 'string' || !SIGNATURE.test(said.signature)) {
    throw new Error('answers without a signature of 48 bytes');
  }
  const signature = Buffer.from(said.signature, 'hex');
  if (!isSignatureOf(chain, round, signature)) throw new Error('answers with an invalid signature');
  return signature;
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop cancels the rest of the body.
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) throw new Error(`answers with more than ${MOST_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // fetch puts the reason into the cause.
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
