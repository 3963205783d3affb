/** What a shop does with a code: shows it, and redeems it. So codes that were used are among what must not add up. */

export const TERMS = { discount: 'percentage', basis_points: 1_000 } as const;

export interface Shop {
  /** Base URL of a gateway. */
  readonly base: string;
  readonly token: string;
}

/** Reads a code that the user was granted, redeems it, and reads it again. Rejects with the answer if one of them is refused. */
export async function redeemCode({ base, token }: Shop, user: string, code: string): Promise<void> {
  const headers = { authorization: `Bearer ${token}` };
  const read = async (): Promise<void> =>
    await accepted(await fetch(`${base}/v1/coupons/${code}?user=${user}`, { headers }));
  await read();
  const lines = [{ product: 'shoe', quantity: 1, unit_amount: 8_990 }];
  await accepted(
    await fetch(`${base}/v1/redemptions`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json', 'idempotency-key': `soak-${code}` },
      body: JSON.stringify({ user, currency: 'EUR', lines, codes: [code] }),
    }),
  );
  await read();
}

async function accepted(response: Response): Promise<void> {
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${await response.text()}`);
  await response.arrayBuffer();
}
