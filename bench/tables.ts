/** What was measured as tables: aligned for a terminal, and as Markdown for `docs/performance.md`. */

import type { Measured, Report } from "./comparison.ts";
import { median, type Unit } from "./measure.ts";
import type { ProcessorTime } from "./processor-time.ts";
import type { Run } from "./running-side.ts";
import type { Verdict } from "./targets.ts";
import { figureOf, judge, ratioOf } from "./targets.ts";

/** A table: its head, and its lines. */
export type Rows = readonly (readonly string[])[];

/** The report in parts, one for each table: those who take part differ. */
export function groupsIn(report: Report): readonly Report[] {
  const groups = [...new Set(report.scenarios.map(({ group }) => group))];
  return groups.map((group) => ({ ...report, scenarios: report.scenarios.filter((measured) => measured.group === group) }));
}

/** What Stem does, what share of its driver that is, and how often each peer's figure. */
export function figureRows(report: Report): Rows {
  const peers = peersIn(report);
  const verdicts = judge(report);
  const hasDriver = report.scenarios.some(({ sides }) => "driver" in sides);
  return [
    ["", "Stem", ...hasDriver ? ["driver", "share"] : [], ...peers.flatMap((peer) => [peer, "ratio"])],
    ...report.scenarios.map((measured) => {
      const own = verdicts.find(({ target }) => target.scenario === measured.name && target.peer === undefined);
      return [
        measured.name,
        `${showFigure(measured, "Stem")}${showOwn(own, measured.unit)}`,
        ...hasDriver ? [showFigure(measured, "driver"), showRatio(measured, "driver", [])] : [],
        ...peers.flatMap((peer) => [showFigure(measured, peer), showRatio(measured, peer, verdicts)]),
      ];
    }),
  ];
}

/** The processor time of an operation in the client, and in the server where there is one, and how many times Stem's a peer takes in all. */
export function timeRows(report: Report): Rows {
  const others = [...peersIn(report), "driver"].filter((name) =>
    report.scenarios.some(({ sides }) => sides[name]?.some(({ time }) => time))
  );
  const timed = report.scenarios.filter(({ sides }) => timeOf(sides["Stem"]) !== undefined);
  return [
    ["", "Stem", ...others.flatMap((name) => [name, "times"])],
    ...timed.map(({ name, sides }) => [
      name,
      showTime(sides["Stem"]),
      ...others.flatMap((other) => [showTime(sides[other]), showTimes(sides["Stem"], sides[other])]),
    ]),
  ];
}

/** Aligns rows in columns, the first to the left. */
export function aligned(rows: Rows): string {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  return rows.map((row) =>
    row.map((cell, at) => at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart((widths[at] ?? 0) + 3)).join("").trimEnd()
  ).join("\n");
}

/** The same as Markdown, as `deno fmt` writes it. */
export function markdown(rows: Rows): string {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(3, ...rows.map((row) => row[at]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, at) => at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)).join(" | ")} |`;
  const rule = `| ${widths.map((width, at) => at === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`).join(" | ")} |`;
  const [head = [], ...body] = rows;
  return [line(head), rule, ...body.map(line)].join("\n");
}

function peersIn({ scenarios }: Report): readonly string[] {
  return [...new Set(scenarios.flatMap(({ sides }) => Object.keys(sides)))].filter((name) => name !== "Stem" && name !== "driver");
}

function showFigure(measured: Measured, side: string): string {
  const figure = figureOf(measured, side);
  return figure === undefined ? "" : show(figure, measured.unit);
}

function showRatio(measured: Measured, other: string, verdicts: readonly Verdict[]): string {
  const ratio = ratioOf(measured, other)?.median;
  if (ratio === undefined) return "";
  const verdict = verdicts.find(({ target }) => target.scenario === measured.name && target.peer === other);
  return `${round(ratio)}${showTarget(verdict, round)}`;
}

/** A target of a figure of its own, or beside another scenario. */
function showOwn(verdict: Verdict | undefined, unit: Unit): string {
  if (verdict?.target.other === undefined) return showTarget(verdict, (value) => show(value, unit));
  return `, ${round(verdict.reached)} of that${showTarget(verdict, round)}`;
}

/** What has to be reached: `≥ 2`, and a mark where it is not. */
function showTarget(verdict: Verdict | undefined, showValue: (value: number) => string): string {
  if (verdict === undefined) return "";
  const { target: { atLeast, atMost }, isMet } = verdict;
  const wanted = atLeast !== undefined ? ` ≥ ${showValue(atLeast)}` : atMost !== undefined ? ` ≤ ${showValue(atMost)}` : "";
  return `${wanted}${isMet ? "" : " !"}`;
}

function showTime(runs: readonly Run[] | undefined): string {
  const time = timeOf(runs);
  if (time === undefined) return "";
  return `${time.here.toFixed(0)}${time.server === undefined ? "" : ` + ${time.server.toFixed(0)}`} µs`;
}

function showTimes(ours: readonly Run[] | undefined, theirs: readonly Run[] | undefined): string {
  const [our, their] = [timeOf(ours), timeOf(theirs)];
  return our === undefined || their === undefined ? "" : round((their.here + (their.server ?? 0)) / (our.here + (our.server ?? 0)));
}

/** The median of what an operation took. */
function timeOf(runs: readonly Run[] = []): ProcessorTime | undefined {
  const times = runs.flatMap(({ time }) => time ?? []);
  if (times.length === 0) return undefined;
  const servers = times.flatMap(({ server }) => server ?? []);
  return { here: median(times.map(({ here }) => here)), ...(servers.length === 0 ? {} : { server: median(servers) }) };
}

/** A figure with its unit. */
export function show(value: number, unit: Unit): string {
  switch (unit) {
    case "per second":
      return `${Math.round(value).toLocaleString("en")}/s`;
    case "ms":
      return `${round(value)} ms`;
    case "MiB":
      return `${value.toFixed(1)} MiB`;
  }
}

function round(value: number): string {
  return value >= 10 ? value.toFixed(1) : value >= 0.1 ? value.toFixed(2) : value.toFixed(4);
}
