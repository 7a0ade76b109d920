// What takes two columns of a terminal: East Asian scripts and emoji.
const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
const CONTROL = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Formats rows under their titles, each column as wide as it needs. */
export function formatTable(titles: readonly string[], rows: readonly (readonly string[])[], title: (text: string) => string): string {
  const lines = [titles, ...rows.map((row) => row.map(visible))];
  const widths = titles.map((_, column) => Math.max(...lines.map((line) => widthOf(line[column] ?? ""))));
  return lines.map((line, at) => {
    const cells = line.map((cell, column) => column === line.length - 1 ? cell : cell + " ".repeat((widths[column] ?? 0) - widthOf(cell)));
    const text = cells.join("  ").trimEnd();
    return at === 0 ? title(text) : text;
  }).join("\n");
}

/** Formats names and values, one pair a line; without those that have no value. */
export function formatPairs(
  pairs: readonly (readonly [name: string, value: string | undefined])[],
  title: (text: string) => string,
): string {
  const there = pairs.filter(([, value]) => value !== undefined);
  const width = Math.max(...there.map(([name]) => name.length));
  return there.map(([name, value = ""]) => `${title(name.padEnd(width))}  ${visible(value)}`).join("\n");
}

/** Shows control characters instead of obeying them: an id may hold any character. */
export function visible(text: string): string {
  return text.replaceAll(CONTROL, (character) => `\\u{${character.codePointAt(0)?.toString(16) ?? ""}}`);
}

function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += WIDE.test(character) ? 2 : 1;
  return width;
}
