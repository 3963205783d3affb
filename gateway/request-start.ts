/**
 * X-Request-Start: when a request reached the proxy at the edge, which may have been a while before it reached a gateway,
 * over a slow link or out of a long queue. There is no standard for it; what proxies send is read as Heroku, nginx
 * (`t=${msec}`) and Apache (`t=%t`) send it: seconds with a fraction, milliseconds or microseconds since the epoch, with
 * or without `t=`. It is taken from trusted proxies only. Such a proxy must set it itself, in place of whatever it was
 * sent, and have a clock that is kept right: an instant is as good as the clock it was read from.
 *
 * It becomes the instant of the stamp, clamped: never at or before what the gateway has promised (the log and the
 * watermark rest on that), never before the opening, never later than the arrival here. How far it may lie back is how
 * far promises stay behind the time (REQUEST_START_WAIT_MS).
 */
import type { BoardCampaign } from '../engine/contract/board/board.ts';
import { type ItemSource, SOURCE_ARRIVAL, SOURCE_PROXY } from '../engine/contract/record.ts';
import type { SharedClock } from './clock.ts';
import { NotedInstants } from './noted-instants.ts';
import type { Reply } from './reply.ts';
import type { SlicePipeline } from './slices.ts';
import type { TrustedProxies } from './trusted-proxies.ts';

/** Where the instant of a stamp comes from, as receipts tell it. Instants say it themselves: those of arrival are even. */
export function sourceOf(instantUs: number): ItemSource {
  return (instantUs & 1) === 1 ? SOURCE_PROXY : SOURCE_ARRIVAL;
}

/**
 * What became of a header: used as it stood; moved to behind the promise, or to the opening; not used, as it was not
 * before the arrival (now), could not be read, or came from somebody who is not trusted.
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
 * Microseconds since the epoch, cut to whole ones; undefined when it is none of the formats. The number of digits tells
 * the unit: 10 are seconds (until the year 2286), 13 milliseconds, 16 microseconds; each may have a fraction.
 */
export function readRequestStart(value: string): number | undefined {
  const match = FORMAT.exec(value);
  if (match === null) return undefined;
  const [, whole = '', fraction = ''] = match;
  // As digits, since seconds with six decimals have more of them than a double keeps through a multiplication.
  return Number((whole + fraction.padEnd(6, '0')).slice(0, 16));
}

export interface RequestStartParts {
  readonly clock: SharedClock;
  readonly proxies: TrustedProxies;
  /** Where what became of headers is counted (metrics.ts). */
  readonly metrics: { readonly requestStarts: Record<RequestStartResult, number> };
}

export class RequestStarts {
  readonly #parts: RequestStartParts;
  readonly #instants = new NotedInstants();

  constructor(parts: RequestStartParts) {
    this.#parts = parts;
  }

  /** What the header says, microseconds since the epoch, if it can be read and who sent it is trusted. Before any await. */
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
   * The instant of a request that arrived here at `arrivedUs`, and at the edge at `startedUs` if that is known. Without
   * it: the arrival, unless the gateway has promised meanwhile that nothing at or before it will come (the body came
   * late, or the campaign had to be looked up). A request has arrived when all of it has; a client that holds its body
   * back cannot hold everybody's watermark back. One that arrived when nobody could tell the time (0) is stamped now.
   */
  instantFor(
    pipeline: Pick<SlicePipeline, 'promisedUs'>,
    campaign: Pick<BoardCampaign, 'opensAtUs'>,
    arrivedUs: number,
    startedUs: number | undefined,
  ): number {
    const { promisedUs } = pipeline;
    // Before the opening by its arrival here too: that it is early is for the door to say.
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
