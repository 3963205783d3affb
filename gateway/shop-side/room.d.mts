import type { IncomingMessage, ServerResponse } from 'node:http';

export interface RoomGateOptions {
  /** Where the gateways are: `https://queue.example.com`. */
  readonly gateway: string;
  readonly campaign: number;
  /** SHOP_TOKEN of the gateways. */
  readonly shopToken: string;
  readonly fetch?: typeof fetch;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

export interface Customer {
  readonly url?: string | undefined;
  readonly headers: { readonly cookie?: string | undefined };
  /** An id of the shop for this visit: with it a report whose answer was lost may be made again. */
  readonly session?: string;
}

export type LetIn =
  | {
      readonly inside: true;
      readonly user: string;
      readonly serial: number;
      /** A Set-Cookie header that is to go to the customer: they have used their pass with this request. */
      readonly setCookie?: string;
    }
  | {
      readonly inside: false;
      /** The last part of the problem's type: no-pass, pass-used, pass-refused ... */
      readonly reason: string;
      readonly setCookie?: undefined;
    };

export interface RoomGate {
  /** Whether this customer is let in. Rejects when the gateway has to be asked and does not answer. */
  letIn(customer: Customer): Promise<LetIn>;
  /** Tells the room that the customer of an admission has left: their place is free. */
  left(serial: number): Promise<void>;
  /** Middleware of Express, Connect and node:http; sets `request.room`. Whoever has no pass is sent to `waitingPage`. */
  express(options: {
    readonly waitingPage: string;
  }): (
    request: IncomingMessage & { room?: LetIn },
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
