import { is, Param, Placeholder } from "drizzle-orm";

/** The values of one call, by the names of their placeholders. */
export type Values = Readonly<Record<string, unknown>>;

/** Takes a value from those of a call, or is always the same. */
export type Binding = (values: Values) => unknown;

/** Tells how a parameter of a statement, as Drizzle writes it, gets its value. */
export function bindingOf(param: unknown): Binding {
  if (is(param, Placeholder)) return ({ [param.name]: value }) => value;
  if (!is(param, Param)) return () => param;
  const { encoder, value: given } = param;
  const from = is(given, Placeholder) ? given.name : undefined;
  return (values) => encoder.mapToDriverValue(from === undefined ? given : values[from]);
}
