/** The people of the story: operators at the engine, fans at the gateways, and the shop between them. */
import { type Answer, ask, type Request, Stream } from './story-http.ts';

type Extra = Pick<Request, 'headers' | 'body'>;

/** A user of the operator's API, with a token or in a session. */
export class OperatorClient {
  readonly name: string;
  readonly #base: string;
  readonly #credentials: Readonly<Record<string, string>>;

  private constructor(name: string, base: string, credentials: Readonly<Record<string, string>>) {
    this.name = name;
    this.#base = base;
    this.#credentials = credentials;
  }

  static withToken(
    name: string,
    { base, token }: { readonly base: string; readonly token: string },
  ): OperatorClient {
    return new OperatorClient(name, base, { authorization: `Bearer ${token}` });
  }

  /** In the session that this answer has begun, as a page of the engine: with its cookie. */
  static inSession(name: string, base: string, { headers }: Answer): OperatorClient {
    const [cookie = ''] = (headers.get('set-cookie') ?? '').split(';', 1);
    return new OperatorClient(name, base, { cookie, origin: new URL(base).origin });
  }

  /** Somebody who has not logged in. */
  static nobody(base: string): OperatorClient {
    return new OperatorClient('nobody', base, {});
  }

  ask(method: Request['method'], path: string, { headers, body }: Extra = {}): Promise<Answer> {
    return ask(this.#base, { method, path, headers: { ...this.#credentials, ...headers }, body });
  }
}

/** A fan with an account and a ticket, at one gateway; the fan's entry is the same at every other gateway. */
export class Fan {
  readonly name: string;
  /** By which the queue and the shop know the fan. */
  readonly id: string;
  readonly #base: string;
  readonly #ticket: string;

  /** `base`: of the gateway. */
  constructor({ name, id, base, ticket }: Readonly<Record<'name' | 'id' | 'base' | 'ticket', string>>) {
    this.name = name;
    this.id = id;
    this.#base = base;
    this.#ticket = ticket;
  }

  ask(method: Request['method'], path: string, { headers, body }: Extra = {}): Promise<Answer> {
    return ask(this.#base, { method, path, headers: { ...this.#headers(), ...headers }, body });
  }

  enter(campaign: number): Promise<Answer> {
    return this.ask('POST', `/v1/campaigns/${campaign}/entries`);
  }

  entry(campaign: number): Promise<Answer> {
    return this.ask('GET', `/v1/campaigns/${campaign}/entries/me`);
  }

  watch(campaign: number): Stream {
    return new Stream(`${this.#base}/v1/campaigns/${campaign}/queue`, this.#headers());
  }

  #headers(): Readonly<Record<string, string>> {
    return { authorization: `Bearer ${this.#ticket}` };
  }
}

/** The shop's own servers. */
export class Shop {
  readonly #base: string;
  readonly #token: string;

  constructor(base: string, token: string) {
    this.#base = base;
    this.#token = token;
  }

  ask(method: Request['method'], path: string, { headers, body }: Extra = {}): Promise<Answer> {
    const authorization = `Bearer ${this.#token}`;
    return ask(this.#base, { method, path, headers: { authorization, ...headers }, body });
  }
}
