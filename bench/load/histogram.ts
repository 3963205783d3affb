/** 128 buckets per power of two: a percentile is at most 0.8 % too high. */
const SUB_BITS = 7;
const SUB = 1 << SUB_BITS;
/** About 71 minutes in microseconds, above every time limit that a job can set for one request. */
const LARGEST = 2 ** 32 - 1;
const BUCKETS = (32 - SUB_BITS + 1) * SUB;

/**
 * Counts times in microseconds in log-linear buckets (the layout of HdrHistogram), so that the processes of one run can be
 * added up and percentiles taken over all of them together.
 */
export class Histogram {
  private readonly counts = new Float64Array(BUCKETS);
  private total = 0;
  private largest = 0;

  add(us: number): void {
    const value = us < 0 ? 0 : us > LARGEST ? LARGEST : Math.floor(us);
    const index = bucketOf(value);
    this.counts[index] = (this.counts[index] ?? 0) + 1;
    this.total++;
    if (us > this.largest) this.largest = us;
  }

  get count(): number {
    return this.total;
  }

  get maxUs(): number {
    return this.largest;
  }

  /**
   * The least time that a share of `fraction` (0..1) of the times does not exceed, in microseconds; 0 when there are none.
   */
  percentileUs(fraction: number): number {
    const wanted = Math.max(1, Math.ceil(fraction * this.total));
    let seen = 0;
    for (let index = 0; index < BUCKETS; index++) {
      seen += this.counts[index] ?? 0;
      if (seen >= wanted) return Math.min(lastOf(index), this.largest);
    }
    return this.largest;
  }

  /** `[bucket, count]` of the buckets in use, and the exact maximum. */
  toJSON(): HistogramJson {
    const buckets: [number, number][] = [];
    this.counts.forEach((count, index) => {
      if (count > 0) buckets.push([index, count]);
    });
    return { maxUs: this.largest, buckets };
  }

  merge(other: HistogramJson): void {
    for (const [index, count] of other.buckets) {
      this.counts[index] = (this.counts[index] ?? 0) + count;
      this.total += count;
    }
    if (other.maxUs > this.largest) this.largest = other.maxUs;
  }
}

export interface HistogramJson {
  readonly maxUs: number;
  readonly buckets: readonly (readonly [number, number])[];
}

function bucketOf(value: number): number {
  if (value < SUB) return value;
  const exponent = 31 - Math.clz32(value);
  const shift = exponent - SUB_BITS;
  return ((shift + 1) << SUB_BITS) + ((value >>> shift) - SUB);
}

/** The largest whole number of microseconds that falls into the bucket. */
function lastOf(index: number): number {
  if (index < SUB) return index;
  const shift = (index >> SUB_BITS) - 1;
  return ((index & (SUB - 1)) + SUB + 1) * 2 ** shift - 1;
}
