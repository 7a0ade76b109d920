/**
 * Follows an error to the driver's own: Drizzle wraps it in one whose message holds the statement and all its values, which belong in no log.
 */
export function driverError(error: unknown): unknown {
  let inner = error;
  // By its fields, because the application may have another copy of Drizzle than this library.
  while (inner instanceof Error && "query" in inner && "params" in inner && inner.cause !== undefined) inner = inner.cause;
  return inner;
}

/** Reads a text property of an unknown value. */
export function textField(value: unknown, name: string): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const field: unknown = Reflect.get(value, name);
  return typeof field === "string" ? field : undefined;
}
