/** A row: texts stand to the left of their column, numbers to the right. */
export type Row = readonly (string | number)[];

/** Lines up columns, two spaces apart. A heading follows the column under it. */
export function formatTable(heading: readonly string[], rows: readonly Row[]): readonly string[] {
  const isNumeric = heading.map((_, column) => rows.some((row) => typeof row[column] === "number"));
  const texts = [heading, ...rows].map((row) => row.map((cell) => typeof cell === "number" ? cell.toLocaleString("en-US") : cell));
  const widths = heading.map((_, column) => Math.max(...texts.map((row) => row[column]?.length ?? 0)));
  return texts.map((row) =>
    row.map((text, column) => {
      const width = widths[column] ?? 0;
      return isNumeric[column] ? text.padStart(width) : text.padEnd(width);
    }).join("  ").trimEnd()
  );
}
