/**
 * CORS by a list of origins (Fetch Standard, section 3.3): pages of these origins may send cookies and tickets, and read the answers. To any
 * other page a browser shows nothing of an answer, and does not send what needs a preflight.
 *
 * What an origin is answered is one text, made at the start and sent with the status, so an answer costs no object for it, and a request
 * without Origin costs a comparison.
 */
import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import { fieldFault } from '../../engine/contract/api/problem.ts';
import { type CorsLines, Reply } from './reply.ts';
import type { RefusalParts } from './requests.ts';

/** Beside those that scripts see of each answer (Cache-Control, Content-Type, and so on). */
const EXPOSED =
  'Accept-Ranges, Allow, Content-Disposition, Content-Range, ETag, Location, Retry-After, WWW-Authenticate';
/** What fans' pages send. Not Idempotency-Key: only shops' servers send it, with a token that belongs on no page. */
const ALLOWED = 'Authorization, Content-Type, If-Match, If-None-Match, If-Range, Last-Event-ID, Range';
/** Chromium remembers no preflight for longer. */
const PREFLIGHT_LIFE_S = 7_200;

const VARY = '\r\nvary: Origin';

export interface CorsParts extends RefusalParts {
  readonly cors: Cors;
}

export class Cors {
  readonly #listed = new Map<string, CorsLines>();
  /** To requests without Origin, and to other origins. */
  readonly #others: CorsLines;

  constructor(origins: readonly string[]) {
    this.#others = { uncached: '', cached: origins.length === 0 ? '' : VARY };
    for (const origin of origins) {
      const lines =
        `\r\naccess-control-allow-origin: ${origin}\r\naccess-control-allow-credentials: true` +
        `\r\naccess-control-expose-headers: ${EXPOSED}${VARY}`;
      this.#listed.set(origin, { uncached: lines, cached: lines });
    }
  }

  /** Whether any origin is listed. */
  get isOn(): boolean {
    return this.#listed.size > 0;
  }

  has(origin: string): boolean {
    return this.#listed.has(origin);
  }

  /** `origin`: the header, '' if absent. */
  linesFor(origin: string): CorsLines {
    return origin === '' ? this.#others : (this.#listed.get(origin) ?? this.#others);
  }
}

/**
 * Answers a preflight; false if the request is none. `allow`: the methods of the path. A browser compares the lists with what it
 * wants to send, and so does not send a method or header that is not in them.
 */
export function answerPreflight(
  parts: CorsParts,
  res: HttpResponse,
  req: HttpRequest,
  allow: string,
): boolean {
  const { cors, metrics } = parts;
  const origin = req.getHeader('origin');
  if (!cors.isOn || origin === '' || req.getHeader('access-control-request-method') === '') return false;
  const reply = new Reply(res);
  reply.cors = cors.linesFor(origin);
  if (cors.has(origin)) {
    reply.empty(204, {
      'access-control-allow-methods': allow,
      'access-control-allow-headers': ALLOWED,
      'access-control-max-age': String(PREFLIGHT_LIFE_S),
    });
    return true;
  }
  metrics.refuse('origin');
  reply.problem('foreign-origin', 'Pages of this origin may not call this service.', {
    members: { errors: [fieldFault('origin', origin, 'an origin that CORS_ORIGINS lists')] },
  });
  return true;
}
