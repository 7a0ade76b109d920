import type { Clock } from "./clock.ts";
import { systemClock } from "./clock.ts";
import { randomBytes } from "./random.ts";

interface Sequence {
  lastMs: number;
  counter: number;
  /** The id up to the counter: `lastMs` and the version. Written once per millisecond, since many ids share one. */
  head: string;
}

// Twelve bits, the field that the standard calls rand_a.
const largestCounter = 0xfff;

const counters = Array.from({ length: largestCounter + 1 }, (_, counter) => counter.toString(16).padStart(3, "0"));

// What stands behind the counter of an id: "-bf1e-0123456789ab".
const tailLength = 18;
// Eight bytes for it, and two before them for a counter that starts anew.
const bytesPerStart = 2;
const bytesPerTail = bytesPerStart + 8;
const tailsPerDraw = 256;

// One draw and one text serve many ids: a call into the cryptographic source costs more than all the rest of an id, and so would its pieces.
let random = new Uint8Array(0);
let tails = "";
let drawn = tailsPerDraw;

// One sequence per clock: a test's clock that stands in another year must not hold back the ids of the real one.
const sequences = new WeakMap<Clock, Sequence>();

/**
 * Makes an id that sorts by the time of its making: a UUID of version 7 (RFC 9562, section 5.7).
 *
 * Each is greater than the one before it from the same clock in this process, within a millisecond and also when the clock was set back:
 * the twelve bits after the time hold a counter (RFC 9562, section 6.2, method 1), which starts at a random number below half of its range.
 * The other 62 bits are random.
 */
export function uuidV7(clock: Clock = systemClock): string {
  if (drawn === tailsPerDraw) draw();
  const { head, counter } = nextInSequence(clock);
  const tail = tails.slice(drawn * tailLength, (drawn + 1) * tailLength);
  drawn += 1;
  return head + counters[counter] + tail;
}

function nextInSequence(clock: Clock): Sequence {
  const nowMs = clock.now();
  const sequence = sequences.get(clock);
  if (sequence === undefined) {
    const first = { lastMs: nowMs, counter: randomStart(), head: headOf(nowMs) };
    sequences.set(clock, first);
    return first;
  }
  if (nowMs > sequence.lastMs) moveTo(sequence, nowMs);
  else if (sequence.counter < largestCounter) sequence.counter += 1;
  // More ids than one millisecond holds: borrow the next one, which the standard allows.
  else moveTo(sequence, sequence.lastMs + 1);
  return sequence;
}

function moveTo(sequence: Sequence, ms: number): void {
  sequence.lastMs = ms;
  sequence.counter = randomStart();
  sequence.head = headOf(ms);
}

/** Two bytes of those drawn for the next id, which its tail leaves alone. */
function randomStart(): number {
  const at = drawn * bytesPerTail;
  return (byteAt(at) << 8 | byteAt(at + 1)) & (largestCounter >> 1);
}

function headOf(ms: number): string {
  const time = ms.toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7`;
}

function draw(): void {
  random = randomBytes(tailsPerDraw * bytesPerTail);
  const codes = new Uint8Array(tailsPerDraw * tailLength);
  for (let tail = 0; tail < tailsPerDraw; tail++) writeTail(codes, tail);
  tails = ascii.decode(codes);
  drawn = 0;
}

const ascii = new TextDecoder();
const dash = "-".charCodeAt(0);
const digits = Array.from("0123456789abcdef", (digit) => digit.charCodeAt(0));

function writeTail(codes: Uint8Array, tail: number): void {
  const from = tail * bytesPerTail + bytesPerStart;
  let at = tail * tailLength;
  for (let digit = 0; digit < 16; digit++) {
    if (digit === 0 || digit === 4) codes[at++] = dash;
    const byte = byteAt(from + (digit >> 1));
    const half = digit % 2 === 0 ? byte >> 4 : byte & 0xf;
    // The first is the variant: two bits that are always the same, and two random ones.
    codes[at++] = digits[digit === 0 ? half & 0x3 | 0x8 : half] ?? dash;
  }
}

function byteAt(index: number): number {
  return random[index] ?? 0;
}
