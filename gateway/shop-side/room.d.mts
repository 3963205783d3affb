import type { IncomingMessage, ServerResponse } from 'node:http';

export interface RoomGateOptions {
  /** The address of the gateways, such as `https://queue.example.com`. */
  readonly gateway: string;
  readonly campaign: number;
  /** The token of the shop: a named one, or the SHOP_TOKEN of the gateways. */
  readonly shopToken: string;
  readonly fetch?: typeof fetch;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

export interface Customer {
  readonly url?: string | undefined;
  readonly headers: { readonly cookie?: string | undefined };
  /** An id that the shop chooses for this visit, so that a report whose answer was lost can be repeated. */
  readonly session?: string;
}

export type AdmissionResult =
  | {
      readonly inside: true;
      readonly user: string;
      readonly serial: number;
      /** A Set-Cookie header to send to the customer, who has used their pass with this request. */
      readonly setCookie?: string;
    }
  | {
      readonly inside: false;
      /** Why not: no-pass, pass-refused, or the last part of the problem's type, such as pass-used. */
      readonly reason: string;
      readonly setCookie?: undefined;
    };

export interface RoomGate {
  /** Whether to admit this customer. Rejects if the gateway must be asked and does not answer. */
  admit(customer: Customer): Promise<AdmissionResult>;
  /** Reports to the room that the customer of an admission has left, which frees their slot. */
  left(serial: number): Promise<void>;
  /** Middleware for Express, Connect and node:http; sets `request.room`. Redirects customers without a pass to `waitingPage`. */
  express(options: {
    readonly waitingPage: string;
  }): (
    request: IncomingMessage & { room?: AdmissionResult },
    response: ServerResponse,
    next: (error?: unknown) => void,
  ) => void;
  /** The same as an `onRequest` hook of Fastify. */
  fastify(options: {
    readonly waitingPage: string;
  }): (
    request: { readonly url: string; readonly headers: { readonly cookie?: string | undefined } },
    reply: { header(name: string, value: string): unknown; redirect(url: string): unknown },
  ) => Promise<unknown>;
}

export function createRoomGate(options: RoomGateOptions): RoomGate;
