/** What a generator of coupon requests is asked to do, and its result; both are one line of JSON. */
export interface CouponJob {
  /** `http://127.0.0.1:<port>`. */
  readonly base: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** `{v}` in a header is replaced by the next of `values`. */
  readonly headers: Readonly<Record<string, string>>;
  /** As often as needed, in turn; all of one length. */
  readonly values?: readonly string[];
  /**
   * '' for no body. `{n}` in the body and in the headers is replaced by the request's number, padded to NUMBER_DIGITS
   * digits.
   */
  readonly body: string;
  readonly connections: number;
  readonly seconds: number;
  /** The number of the first request. */
  readonly from: number;
  /** The expected status of every answer. */
  readonly status: number;
}

export const NUMBER_DIGITS = 9;

export interface CouponRun {
  readonly answered: number;
  readonly seconds: number;
  /** CPU time of the generator. */
  readonly cpuUs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}
