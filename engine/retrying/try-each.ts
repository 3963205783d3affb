/** Work on several things that are independent of each other: one that fails leaves none of the others undone. */
import { messageOf } from '../contract/process/message-of.ts';

/**
 * Works on each item in turn. Rejects at the end if any failed: the error names the item, and has its error as the cause; an
 * AggregateError has those of all, in order.
 */
export async function tryEach<T>(
  items: Iterable<T>,
  nameOf: (item: T) => string,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const errors: Error[] = [];
  for (const item of items) {
    try {
      await work(item);
    } catch (error) {
      errors.push(new Error(`${nameOf(item)}: ${messageOf(error)}`, { cause: error }));
    }
  }
  const [first] = errors;
  if (errors.length > 1) throw new AggregateError(errors, errors.map(messageOf).join('; '));
  if (first !== undefined) throw first;
}

/** For `tryEach` of campaigns. */
export function campaignName({ campaignId }: { readonly campaignId: number }): string {
  return `campaign ${campaignId}`;
}
