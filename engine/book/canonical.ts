import { type CanonicalValue, canonicalJson as canonical } from '../draw/canonical.ts';
import { BookRefused } from './book.ts';

/** Canonical JSON; throws BookRefused for a value that has no canonical spelling. */
export function canonicalJson(value: CanonicalValue): string {
  return canonical(value, what => new BookRefused(`a book cannot contain ${what}`));
}
