/**
 * Which bytes a GET of something that never changes asks for: preconditions and byte ranges, by RFC 9110, sections 13 and 14.
 * With them a client that has lost its connection continues where it stopped.
 */
import type { HttpRequest } from 'uWebSockets.js';

/** The headers that decide it; '' if absent. */
export interface RangeHead {
  readonly ifMatch: string;
  readonly ifNoneMatch: string;
  readonly ifRange: string;
  readonly range: string;
}

export type Wanted =
  /** From `from` up to, not including, `until`. Without `isRange`, that is everything. */
  | { readonly kind: 'bytes'; readonly isRange: boolean; readonly from: number; readonly until: number }
  /** If-Match names none of its tags: 412. */
  | { readonly kind: 'another' }
  /** If-None-Match names its tag: 304. */
  | { readonly kind: 'known' }
  /** The range begins behind its last byte: 416. */
  | { readonly kind: 'beyond' };

/** Call it before the first await. */
export function readRangeHead(req: HttpRequest): RangeHead {
  return {
    ifMatch: req.getHeader('if-match'),
    ifNoneMatch: req.getHeader('if-none-match'),
    ifRange: req.getHeader('if-range'),
    range: req.getHeader('range'),
  };
}

/** `etag`: a strong one, with its quotes. `bytes`: the size of the whole, at least 1. */
export function wantedBytes(head: RangeHead, etag: string, bytes: number): Wanted {
  const whole: Wanted = { kind: 'bytes', isRange: false, from: 0, until: bytes };
  if (head.ifMatch !== '' && !names(head.ifMatch, etag)) return { kind: 'another' };
  // Unlike the others, it also matches the weak form of a tag.
  if (names(head.ifNoneMatch.replaceAll('W/"', '"'), etag)) return { kind: 'known' };
  // A date never matches: there is no Last-Modified to have it from.
  if (head.ifRange !== '' && head.ifRange.trim() !== etag) return whole;
  return rangeOf(head.range, bytes) ?? whole;
}

/** Whether a list of entity tags, or `*`, names this one. Our tags have no commas, so a piece of another never equals one. */
function names(list: string, etag: string): boolean {
  return list.split(',').some(tag => tag.trim() === etag || tag.trim() === '*');
}

/**
 * The range of a Range header; undefined if the header is to be ignored: it is absent or invalid, has another unit, or names
 * several ranges, which would need an answer in several parts.
 */
function rangeOf(header: string, bytes: number): Wanted | undefined {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/i.exec(header.trim()) ?? [];
  if (first === '' && last === '') return undefined;
  const from = first === '' ? Math.max(bytes - Number(last), 0) : Number(first);
  const until = first === '' || last === '' ? bytes : Math.min(Number(last) + 1, bytes);
  if (first !== '' && last !== '' && Number(first) > Number(last)) return undefined;
  if (from >= bytes) return { kind: 'beyond' };
  return { kind: 'bytes', isRange: true, from, until };
}
