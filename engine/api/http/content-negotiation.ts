/**
 * The client's preferred media type among the offered ones (RFC 9110, section 12.5.1); the first one offered if the client has
 * no preference, undefined if it accepts none of them.
 */
export function preferredType<const T extends string>(
  accept: string | undefined,
  offered: readonly T[],
): T | undefined {
  if (accept === undefined || accept.trim() === '') return offered[0];
  const ranges = accept.split(',').map(readItem).map(rangeOf);
  let best: T | undefined;
  let bestQuality = 0;
  for (const type of offered) {
    const quality = qualityOf(type, ranges);
    if (quality > bestQuality) [best, bestQuality] = [type, quality];
  }
  return best;
}

/**
 * The client's preferred language among the offered ones (RFC 9110, section 12.5.4), which it may name with a region; the first one
 * offered if it names none of them.
 */
export function preferredLanguage<const T extends string>(
  accepted: string | undefined,
  offered: readonly [T, ...T[]],
): T {
  const [best] = (accepted ?? '')
    .split(',')
    .map(readItem)
    .flatMap(({ value, weight = '1' }) => {
      const language = offered.find(each => each === value.split('-')[0]);
      return language !== undefined && Number(weight) > 0 ? [{ language, weight: Number(weight) }] : [];
    })
    .sort((one, other) => other.weight - one.weight);
  return best?.language ?? offered[0];
}

/** An item of a list of preferences: `weight` as it is given, and may be no number. */
interface Item {
  readonly value: string;
  readonly weight: string | undefined;
}

function readItem(text: string): Item {
  const [value = '', ...parameters] = text.split(';').map(part => part.trim().toLowerCase());
  return { value, weight: parameters.find(parameter => parameter.startsWith('q='))?.slice(2) };
}

interface Range {
  readonly type: string;
  readonly quality: number;
}

function rangeOf({ value, weight }: Item): Range {
  const isValid = weight !== undefined && /^[01](\.\d{0,3})?$/.test(weight);
  return { type: value, quality: isValid ? Number(weight) : 1 };
}

/** The quality of the most specific range that matches a type. */
function qualityOf(type: string, ranges: readonly Range[]): number {
  const [family] = type.split('/');
  for (const pattern of [type, `${family}/*`, '*/*']) {
    const range = ranges.find(candidate => candidate.type === pattern);
    if (range !== undefined) return range.quality;
  }
  return 0;
}
