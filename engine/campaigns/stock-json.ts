import type { Campaign } from '../../sql/statements/campaigns/campaigns.ts';

/** The stock of a coupon, or the winners of a raffle, under its name in the API. */
export function stockJson({ kind, stock }: Pick<Campaign, 'kind' | 'stock'>): {
  readonly stock?: number;
  readonly winners?: number;
} {
  switch (kind) {
    case 'coupon':
      return { stock };
    case 'raffle':
      return { winners: stock };
    case 'room':
      return {};
  }
}
