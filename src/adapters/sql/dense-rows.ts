/**
 * Gives a result without holes. postgres.js counts the rows of a result per connection, and does not begin anew when that was lost in the
 * middle of one: the next result has its rows behind as many holes, which `length` counts and `map` keeps.
 */
export function denseRows<Row>(rows: readonly Row[]): readonly Row[] {
  return rows.length === 0 || 0 in rows ? rows : rows.filter(() => true);
}
