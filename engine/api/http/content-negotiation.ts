/**
 * The client's preferred media type among the offered ones (RFC 9110, section 12.5.1); the first one offered if the client has
 * no preference, undefined if it accepts none of them.
 */
export function preferredType<const T extends string>(
  accept: string | undefined,
  offered: readonly T[],
): T | undefined {
  if (accept === undefined || accept.trim() === '') return offered[0];
  const ranges = accept.split(',').map(readRange);
  let best: T | undefined;
  let bestQuality = 0;
  for (const type of offered) {
    const quality = qualityOf(type, ranges);
    if (quality > bestQuality) [best, bestQuality] = [type, quality];
  }
  return best;
}

interface Range {
  readonly type: string;
  readonly quality: number;
}

function readRange(text: string): Range {
  const [type = '', ...parameters] = text.split(';').map(part => part.trim().toLowerCase());
  const quality = parameters.find(parameter => parameter.startsWith('q='))?.slice(2);
  return { type, quality: quality !== undefined && /^[01](\.\d{0,3})?$/.test(quality) ? Number(quality) : 1 };
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
