/** What one generator of requests about coupons is asked to do, and what it answers; both as a line of JSON. */
export interface CouponJob {
  /** `http://127.0.0.1:<port>`. */
  readonly base: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** '' for none. `{n}` in it, and in the headers, is the number of the request, with as many digits as NUMBER_DIGITS. */
  readonly body: string;
  readonly connections: number;
  readonly seconds: number;
  /** Numbers of requests begin here. */
  readonly from: number;
  /** The status that every answer must have. */
  readonly status: number;
}

export const NUMBER_DIGITS = 9;

export interface CouponRun {
  readonly answered: number;
  readonly seconds: number;
  /** Of the generator. */
  readonly cpuUs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}
