/**
 * Writes a JSON value as text that is the same for all values that mean the same: members of objects in the order of their names, and those
 * that are `undefined` left out. `undefined` itself has no text, and gives `undefined`.
 */
export function canonicalJson(value: unknown): string | undefined {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== "object" || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => a < b ? -1 : 1));
  });
}
