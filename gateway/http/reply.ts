/**
 * One answer to one request. uWebSockets.js ends the process if a response is touched after it is gone, so all access goes
 * through this class: once the response was aborted or answered, further calls do nothing.
 */
import type { HttpResponse } from 'uWebSockets.js';
import {
  PROBLEM_MEDIA_TYPE,
  type ProblemMembers,
  type ProblemSlug,
  problemDocument,
  problems,
} from '../../engine/contract/api/problem.ts';

const STATUS_TEXT: Readonly<Record<number, string>> = {
  200: '200 OK',
  201: '201 Created',
  202: '202 Accepted',
  204: '204 No Content',
  206: '206 Partial Content',
  304: '304 Not Modified',
  400: '400 Bad Request',
  401: '401 Unauthorized',
  403: '403 Forbidden',
  404: '404 Not Found',
  405: '405 Method Not Allowed',
  408: '408 Request Timeout',
  409: '409 Conflict',
  410: '410 Gone',
  412: '412 Precondition Failed',
  413: '413 Content Too Large',
  415: '415 Unsupported Media Type',
  416: '416 Range Not Satisfiable',
  429: '429 Too Many Requests',
  431: '431 Request Header Fields Too Large',
  500: '500 Internal Server Error',
  503: '503 Service Unavailable',
};

/**
 * Status and header in one call into C++: 10 us of CPU per request instead of 11, measured on an echo that answers in the
 * next turn of the event loop.
 */
const ACCEPTED = '202 Accepted\r\ncontent-type: application/json';
const NOT_STORED = '200 OK\r\ncontent-type: application/json\r\ncache-control: no-store';

/** Returned by a function that has answered the request: the caller must not answer it again. */
export const ANSWERED: unique symbol = Symbol('answered');
export type Answered = typeof ANSWERED;

/** A list is sent as that many lines, which only Set-Cookie needs. */
export type Headers = Readonly<Record<string, string | readonly string[]>>;
const NO_HEADERS: Headers = {};

/** Lines behind a status for the page that asks (see Cors), each begun by CR LF; '' for none. */
export interface CorsLines {
  /** Of an answer that no cache keeps. */
  readonly uncached: string;
  /** Of one that a cache may keep: without Vary a page could get from it what another page, or none, was answered. */
  readonly cached: string;
}

const NO_LINES: CorsLines = { uncached: '', cached: '' };

function writeHeaders(res: HttpResponse, headers: Headers): void {
  for (const name in headers) {
    const value = headers[name] ?? '';
    if (typeof value === 'string') res.writeHeader(name, value);
    else for (const each of value) res.writeHeader(name, each);
  }
}

export class Reply {
  readonly #res: HttpResponse;
  #over = false;
  #whenAborted: (() => void) | undefined;
  /** What every answer tells the page that asked; to be set before the first one. */
  cors: CorsLines = NO_LINES;

  constructor(res: HttpResponse) {
    this.#res = res;
    res.onAborted(() => {
      this.#over = true;
      this.#whenAborted?.();
    });
  }

  /** Answered, or the client has disconnected. */
  get over(): boolean {
    return this.#over;
  }

  /** The address of the peer as text; '' if the connection is gone. */
  remoteAddress(): string {
    return this.#over ? '' : Buffer.from(this.#res.getRemoteAddressAsText()).toString('latin1');
  }

  whenAborted(listener: () => void): void {
    this.#whenAborted = listener;
  }

  /** The body in chunks; a chunk is valid only until the handler returns. */
  onData(handler: (chunk: ArrayBuffer, isLast: boolean) => void): void {
    this.#res.onData(handler);
  }

  /** 202 with encoded JSON, as text or in UTF-8, which is copied: the answer of the hot path. */
  accepted(body: string | Uint8Array): void {
    this.#sendReady(ACCEPTED, body);
  }

  /** 200 with encoded JSON that no cache may keep: the answer of hot reads. */
  notStored(body: string): void {
    this.#sendReady(NOT_STORED, body);
  }

  /** Answers with encoded JSON. */
  json(status: number, body: string, headers: Headers = NO_HEADERS): void {
    this.#send(status, 'application/json', body, headers, false);
  }

  text(status: number, mediaType: string, body: string, headers: Headers = NO_HEADERS): void {
    this.#send(status, mediaType, body, headers, false);
  }

  empty(status: number, headers: Headers = NO_HEADERS): void {
    if (this.#over) return;
    this.#over = true;
    const res = this.#res;
    res.cork(() => {
      res.writeStatus(this.#statusLine(status));
      writeHeaders(res, headers);
      res.endWithoutBody();
    });
  }

  /** Answers with a problem document. */
  problem(
    slug: ProblemSlug,
    detail: string,
    {
      members = {},
      headers = NO_HEADERS,
      close = false,
    }: { members?: ProblemMembers; headers?: Headers; close?: boolean } = {},
  ): Answered {
    const body = JSON.stringify(problemDocument(slug, detail, members));
    this.#send(problems[slug].status, PROBLEM_MEDIA_TYPE, body, headers, close);
    return ANSWERED;
  }

  /** Starts a stream: hands the response out for good, unless the client has disconnected. */
  stream(headers: Headers, first: string): HttpResponse | undefined {
    if (this.#over) return undefined;
    this.#over = true;
    const res = this.#res;
    res.cork(() => {
      res.writeStatus(this.#statusLine(200));
      writeHeaders(res, headers);
      res.write(first);
    });
    return res;
  }

  /** Starts a body sent with `tryEnd`: hands the response out for good, unless the client has disconnected. */
  file(status: number, headers: Headers): HttpResponse | undefined {
    if (this.#over) return undefined;
    this.#over = true;
    const res = this.#res;
    res.cork(() => {
      res.writeStatus(this.#statusLine(status));
      writeHeaders(res, headers);
    });
    return res;
  }

  /** Of an answer that a cache may keep. */
  #statusLine(status: number): string {
    return `${STATUS_TEXT[status] ?? status}${this.cors.cached}`;
  }

  /** `head`: status and headers in one. Without lines for a page the sum is `head` itself. */
  #sendReady(head: string, body: string | Uint8Array): void {
    if (this.#over) return;
    this.#over = true;
    const res = this.#res;
    res.cork(() => {
      res.writeStatus(head + this.cors.uncached).end(body);
    });
  }

  #send(status: number, mediaType: string, body: string, headers: Headers, close: boolean): void {
    if (this.#over) return;
    this.#over = true;
    const res = this.#res;
    res.cork(() => {
      res.writeStatus(this.#statusLine(status)).writeHeader('content-type', mediaType);
      writeHeaders(res, headers);
      res.end(body, close);
    });
  }
}
