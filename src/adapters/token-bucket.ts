/** One request to a bucket, in whole microseconds, so that every store counts alike. */
export interface BucketRequest {
  /** How long the bucket takes to gain what is asked for. */
  readonly costUs: number;
  /** How long an empty bucket takes until it is full. */
  readonly capacityUs: number;
}

/** What came of a request. */
export interface BucketAnswer {
  /** When the bucket will be full again. */
  readonly fullAtUs: number;
  /** Whether it gave what was asked for. */
  readonly isAllowed: boolean;
  /** When not: how long until it can. */
  readonly waitUs: number;
}

/**
 * Takes from a token bucket. Of the bucket nothing is kept but the instant at which it will be full: it lacks what it gains until then.
 *
 * An instant that is further off than the bucket takes to fill is cut to that, also by a refusal: it was written under a larger limit, or
 * before the clock was set back.
 *
 * @param fullAtUs When it will be full; any instant that has passed, when it is.
 */
export function takeFrom(fullAtUs: number, { costUs, capacityUs }: BucketRequest, nowUs: number): BucketAnswer {
  const emptyAtUs = nowUs + capacityUs;
  const stands = Math.max(nowUs, Math.min(fullAtUs, emptyAtUs));
  const waitUs = stands + costUs - emptyAtUs;
  return waitUs <= 0 ? { fullAtUs: stands + costUs, isAllowed: true, waitUs: 0 } : { fullAtUs: stands, isAllowed: false, waitUs };
}
