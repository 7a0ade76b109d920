/** The state diagram in `docs/lifecycle.md` shows the transition table, all of it and nothing else. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { DEAD_LETTER_REASONS } from "../src/model/delivery.ts";
import { isTerminal, TASK_STATES, TASK_TRANSITIONS } from "../src/model/task-state.ts";
import { root } from "./support/runtimes.ts";

const page = readFileSync(join(root, "docs/lifecycle.md"), "utf8");
const diagram = /^```mermaid\nstateDiagram-v2\n([\s\S]*?)^```$/m.exec(page)?.[1] ?? "";
const edges = [...diagram.matchAll(/^ {2}(\S+) --> ([^\s:]+)(?:: (.+))?$/gm)].map(([, from = "", to = "", label = ""]) => ({
  from,
  to,
  label,
}));

test("every line of the diagram is an edge", () => {
  assert.equal(edges.length, diagram.trim().split("\n").length);
  assert.ok(edges.length >= 20, `Only ${edges.length} edges were read`);
});

test("the edges between states are those of the table, each marked with its attempt", () => {
  const drawn = edges.filter(({ from, to }) => from !== "[*]" && to !== "[*]")
    .map(({ from, to, label }) => `${from} -> ${to} ${label.endsWith("(next attempt)") ? "next" : "same"}`);
  const table = TASK_STATES.flatMap((from) => Object.entries(TASK_TRANSITIONS[from]).map(([to, attempt]) => `${from} -> ${to} ${attempt}`));
  assert.deepEqual(drawn.toSorted(), table.toSorted());
});

test("tasks begin as queued, and end in the terminal states", () => {
  assert.deepEqual(edges.filter(({ from }) => from === "[*]").map(({ to }) => to), ["queued"]);
  assert.deepEqual(
    edges.filter(({ to }) => to === "[*]").map(({ from }) => from).toSorted(),
    TASK_STATES.filter((state) => isTerminal(state)).toSorted(),
  );
});

test("the tables name every state and every dead letter's reason", () => {
  const rows = [...page.matchAll(/^\| `(\w+)` +\|.*\| (yes|no) +\|$/gm)].map(([, state, hasEnded]) => [state, hasEnded === "yes"]);
  assert.deepEqual(
    new Map(rows.map(([state, hasEnded]) => [state, hasEnded])),
    new Map(TASK_STATES.map((state) => [state, isTerminal(state)])),
  );
  for (const reason of Object.values(DEAD_LETTER_REASONS)) assert.match(page, new RegExp(`\\| .*\`${reason}\`\\s+\\|$`, "m"));
});
