/**
 * X-Request-Start: when a request reached the proxy at the edge, which may be well before it reached a gateway, over a slow
 * link or out of a long queue. There is no standard for it. The formats of Heroku, nginx (`t=${msec}`) and Apache (`t=%t`)
 * are accepted: seconds with a fraction, milliseconds or microseconds since the epoch, with or without `t=`. Only trusted
 * proxies are accepted. Such a proxy must set the header itself, replacing whatever it was sent, and must keep its clock
 * synchronised: an instant is only as good as the clock that it was read from.
 *
 * The value becomes the instant of the stamp, clamped: never at or before a promise of the gateway (log and watermark
 * depend on that), never before the opening, never later than the arrival here. It may lie back as far as promises lag the
 * time (REQUEST_START_WAIT_MS).
 */

import type { TrustedProxies } from '../../engine/contract/clients/trusted-proxies.ts';
import { type ItemSource, SOURCE_ARRIVAL, SOURCE_PROXY } from '../../engine/contract/record/record.ts';
import type { BoardCampaign } from '../../engine/contract/redis/board/board.ts';
import type { SlicePipeline } from '../entry/slices.ts';
import type { Reply } from '../http/reply.ts';
import type { SharedClock } from './clock.ts';
import { ProxyTimestamps } from './proxy-timestamps.ts';

/** The source of a stamp's instant, as shown in receipts. The instant itself tells it: those of arrival are even. */
export function sourceOf(instantUs: number): ItemSource {
  return (instantUs & 1) === 1 ? SOURCE_PROXY : SOURCE_ARRIVAL;
}

/**
 * The result for a header: used as is; moved to after the promise or to the opening; ignored because it was not before the
 * arrival (now), was unreadable, or came from an untrusted sender.
 */
export const REQUEST_START_RESULTS = [
  'used',
  'promise',
  'opening',
  'now',
  'unreadable',
  'untrusted',
] as const;
export type RequestStartResult = (typeof REQUEST_START_RESULTS)[number];

const FORMAT = /^(?:t=)?(\d{10}|\d{13}|\d{16})(?:\.(\d{1,9}))?$/;

/**
 * Microseconds since the epoch, truncated to whole ones; undefined if the format is unknown. The number of digits gives the
 * unit: 10 are seconds (until the year 2286), 13 milliseconds, 16 microseconds; each may have a fraction.
 */
export function readRequestStart(value: string): number | undefined {
  const match = FORMAT.exec(value);
  if (match === null) return undefined;
  const [, whole = '', fraction = ''] = match;
  // Work on digits: seconds with six decimals have more digits than a double keeps through a multiplication.
  return Number((whole + fraction.padEnd(6, '0')).slice(0, 16));
}

export interface RequestStartParts {
  readonly clock: SharedClock;
  readonly proxies: TrustedProxies;
  /** Counts the results of headers (../metrics.ts). */
  readonly metrics: { readonly requestStarts: Record<RequestStartResult, number> };
}

export class RequestStarts {
  readonly #parts: RequestStartParts;
  readonly #instants = new ProxyTimestamps();

  constructor(parts: RequestStartParts) {
    this.#parts = parts;
  }

  /** The header in microseconds since the epoch, if readable and from a trusted sender. Call it before any await. */
  read(reply: Reply, value: string): number | undefined {
    const { proxies, metrics } = this.#parts;
    if (!proxies.some || !proxies.has(reply.remoteAddress())) {
      metrics.requestStarts.untrusted += 1;
      return undefined;
    }
    const startedUs = readRequestStart(value);
    if (startedUs === undefined) metrics.requestStarts.unreadable += 1;
    return startedUs;
  }

  /**
   * The instant of a request that arrived here at `arrivedUs`, and at the edge at `startedUs` if known. Without
   * `startedUs` it is the arrival, unless the gateway has meanwhile promised that nothing at or before it will come (the
   * body came late, or the campaign was looked up). A request has arrived when all of it has: a client that delays its body
   * cannot delay everybody's watermark. A request that arrived while the time was unknown (0) is stamped now.
   */
  instantFor(
    pipeline: Pick<SlicePipeline, 'promisedUs'>,
    campaign: Pick<BoardCampaign, 'opensAtUs'>,
    arrivedUs: number,
    startedUs: number | undefined,
  ): number {
    const { promisedUs } = pipeline;
    // It also arrived here before the opening: admission refuses it.
    const noted =
      startedUs === undefined || arrivedUs < campaign.opensAtUs
        ? undefined
        : this.#noted(promisedUs, campaign.opensAtUs, arrivedUs, startedUs);
    return noted ?? (arrivedUs > promisedUs ? arrivedUs : this.#parts.clock.next());
  }

  #noted(promisedUs: number, opensAtUs: number, arrivedUs: number, startedUs: number): number | undefined {
    const { requestStarts } = this.#parts.metrics;
    const noted = this.#instants.take(Math.max(startedUs, opensAtUs), arrivedUs, promisedUs);
    if (noted === undefined) requestStarts.now += 1;
    else if (startedUs > promisedUs && startedUs >= opensAtUs) requestStarts.used += 1;
    else if (promisedUs >= opensAtUs) requestStarts.promise += 1;
    else requestStarts.opening += 1;
    return noted;
  }
}
