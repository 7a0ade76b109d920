import type { Clock } from "./clock.ts";
import { systemClock } from "./clock.ts";
import { randomBytes } from "./random.ts";

interface Sequence {
  lastMs: number;
  counter: number;
}

// Twelve bits, the field that the standard calls rand_a.
const largestCounter = 0xfff;
const bytesPerId = 10;
const idsPerDraw = 256;

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

// One sequence per clock: a test's clock that stands in another year must not hold back the ids of the real one.
const sequences = new WeakMap<Clock, Sequence>();

// One draw serves many ids: a call into the cryptographic source costs more than all the rest of an id.
let pool = new Uint8Array(0);
let poolAt = 0;

/**
 * Makes an id that sorts by the time of its making: a UUID of version 7 (RFC 9562, section 5.7).
 *
 * Each is greater than the one before it from the same clock in this process, within a millisecond and also when the clock was set back:
 * the twelve bits after the time hold a counter (RFC 9562, section 6.2, method 1), which starts at a random number below half of its range.
 * The other 62 bits are random.
 */
export function uuidV7(clock: Clock = systemClock): string {
  if (poolAt + bytesPerId > pool.length) {
    pool = randomBytes(bytesPerId * idsPerDraw);
    poolAt = 0;
  }
  const at = poolAt;
  poolAt += bytesPerId;

  const { lastMs, counter } = nextInSequence(clock, (byteAt(at) << 8 | byteAt(at + 1)) & (largestCounter >> 1));
  const time = lastMs.toString(16).padStart(12, "0");
  const versionAndCounter = (0x7000 | counter).toString(16);
  const variant = hexAt(at + 2, 0x3f, 0x80) + hexAt(at + 3);
  const node = hexAt(at + 4) + hexAt(at + 5) + hexAt(at + 6) + hexAt(at + 7) + hexAt(at + 8) + hexAt(at + 9);
  return `${time.slice(0, 8)}-${time.slice(8)}-${versionAndCounter}-${variant}-${node}`;
}

function nextInSequence(clock: Clock, start: number): Sequence {
  const nowMs = clock.now();
  let sequence = sequences.get(clock);
  if (sequence === undefined) {
    sequence = { lastMs: nowMs, counter: start };
    sequences.set(clock, sequence);
  } else if (nowMs > sequence.lastMs) {
    sequence.lastMs = nowMs;
    sequence.counter = start;
  } else if (sequence.counter < largestCounter) {
    sequence.counter += 1;
  } else {
    // More ids than one millisecond holds: borrow the next one, which the standard allows.
    sequence.lastMs += 1;
    sequence.counter = start;
  }
  return sequence;
}

function byteAt(index: number): number {
  return pool[index] ?? 0;
}

function hexAt(index: number, mask = 0xff, set = 0): string {
  return hex[byteAt(index) & mask | set] ?? "";
}
