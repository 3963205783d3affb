/** The part of the operator's API that the demo needs. */

export interface OperatorCampaign {
  readonly id: number;
  readonly status: string;
  readonly entries_settled: number;
  readonly granted?: number;
  readonly drawn?: number;
}

export interface NewCampaign {
  readonly kind: 'coupon' | 'raffle';
  readonly title: string;
  readonly stock?: number;
  readonly winners?: number;
  readonly opens_at: string;
  readonly closes_at: string;
}

const TIMEOUT_MS = 30_000;
/** How often a 503 is retried as a part that comes back. */
const ATTEMPTS = 5;

export class Operator {
  readonly #base: string;
  readonly #token: string;

  constructor({ base, token }: { readonly base: string; readonly token: string }) {
    this.#base = base;
    this.#token = token;
  }

  create(campaign: NewCampaign): Promise<OperatorCampaign> {
    return this.#ask('POST', '/v1/campaigns', campaign);
  }

  get(id: number): Promise<OperatorCampaign> {
    return this.#ask('GET', `/v1/campaigns/${id}`);
  }

  /** Resolves when the close has passed. */
  close(id: number): Promise<OperatorCampaign> {
    return this.#ask('POST', `/v1/campaigns/${id}/close`);
  }

  async #ask(method: string, path: string, body?: object): Promise<OperatorCampaign> {
    for (let attempt = 1; ; attempt++) {
      const response = await fetch(this.#base + path, {
        method,
        headers: {
          authorization: `Bearer ${this.#token}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      const text = await response.text();
      if (response.ok) return JSON.parse(text);
      // The creation of a campaign is not repeated: the first attempt may have succeeded.
      if (response.status !== 503 || path === '/v1/campaigns' || attempt === ATTEMPTS) {
        throw new Error(`the operator's API answered ${method} ${path} with ${response.status}: ${text}`);
      }
    }
  }
}
