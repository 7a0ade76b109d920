import fc from "fast-check";

const texts = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom("", "\u0000", "\ud800", "\ufeffbom", "😀", "__proto__", "plain", "v"),
);
// The negative zero is left out: it arrives as zero, as the documentation says.
const numbers = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
);

/** Any value that JSON carries: nested, with odd keys, extreme numbers and unicode. */
export const jsonValues: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    numbers,
    texts,
    fc.array(tie("value"), { maxLength: 5 }),
    // `__proto__` has its own test: an assignment to it would set the prototype.
    fc.dictionary(texts.filter((text) => text !== "__proto__"), tie("value"), { maxKeys: 5, noNullPrototype: true }),
  ),
})).value;
