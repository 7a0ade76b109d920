/** A source of numbers from 0 (inclusive) to 1 (exclusive), such as `Math.random`. */
export type Random = () => number;

/** The runtime's own source: fast, fit for jitter and sampling, unfit for secrets. */
export const systemRandom: Random = (): number => Math.random();

// The most that the Web Crypto interface gives in one call.
const largestDraw = 65_536;

/** Gives bytes fit for keys and nonces, from the runtime's cryptographic source. */
export function randomBytes(count: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count; at += largestDraw) crypto.getRandomValues(bytes.subarray(at, at + largestDraw));
  return bytes;
}
