import type { Static } from 'typebox';
import type { CampaignJson, NewCampaignBody } from '../../engine/api/contract/campaign-schemas.ts';
import type { TotalsJson } from '../../engine/api/contract/entry-schemas.ts';
import type { RoomTermsBody } from '../../engine/api/contract/room-schemas.ts';
import { isoOfMs } from '../../engine/contract/api/instants.ts';

type Totals = Static<typeof TotalsJson>;

/** Closing takes as long as a lease, and the engine may be busy with a burst meanwhile. */
const TIMEOUT_MS = 60_000;

/** An operator's actions over HTTP. Every call rejects with the answer when it is not the wanted one. */
export class Operator {
  readonly #base: string;
  readonly #token: string;

  /** `base`: the engine's, such as http://127.0.0.1:8081. */
  constructor(base: string, token: string) {
    this.#base = base;
    this.#token = token;
  }

  async create(campaign: NewCampaignBody): Promise<CampaignJson> {
    return (await this.#ask('POST', '/v1/campaigns', campaign)) as CampaignJson;
  }

  async get(campaignId: number): Promise<CampaignJson> {
    return (await this.#ask('GET', `/v1/campaigns/${campaignId}`)) as CampaignJson;
  }

  /** Sets the terms of a waiting room that may change at any time. */
  async setRoom(campaignId: number, terms: Static<typeof RoomTermsBody>): Promise<void> {
    await this.#ask('PUT', `/v1/campaigns/${campaignId}/room`, terms, { 'if-match': '*' });
  }

  /** Closes the campaign early; resolves when the close has passed, after about a lease. */
  async close(campaignId: number): Promise<CampaignJson> {
    return (await this.#ask('POST', `/v1/campaigns/${campaignId}/close`)) as CampaignJson;
  }

  async totals(campaignId: number): Promise<Totals> {
    return (await this.#ask('GET', `/v1/campaigns/${campaignId}/totals`)) as Totals;
  }

  async #ask(
    method: 'GET' | 'POST' | 'PUT',
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<unknown> {
    const response = await fetch(`${this.#base}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await response.text();
    if (!response.ok)
      throw new Error(`${method} ${path} was answered with ${response.status}: ${text.slice(0, 500)}`);
    return JSON.parse(text);
  }
}

/** The instant `ms` from now, as the operator's API takes it. */
export function inMs(ms: number): string {
  return isoOfMs(Date.now() + ms);
}
