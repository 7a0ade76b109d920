import type { RevocableTask } from "../contracts/revoke-store.ts";
import { ConfigError } from "../errors.ts";
import { MAX_ID_LENGTH, show, validateId } from "../model/id.ts";
import { validateInteger } from "../model/numbers.ts";
import type { Revocation, RevocationKey, RevocationTarget, StoredRevocation } from "../model/revocation.ts";
import { storableText, validateMs } from "./validation.ts";

/** The longest reason that is kept, in UTF-16 code units. */
const MAX_REASON_LENGTH = 2_000;

/** A decision as stores keep it: the target is one text, see {@link targetText}. */
export interface RevocationWrite {
  /** The target. */
  readonly target: string;
  /** Of a task's name: only tasks enqueued before this instant; absent there means the store's now. */
  readonly before: number | undefined;
  /** Whether running handlers are aborted too. */
  readonly terminate: boolean;
  /** Why. */
  readonly reason: string | undefined;
  /** Who decided it. */
  readonly requestedBy: string | undefined;
  /** When it ends; absent when it does not, or `expiresInMs` says so. */
  readonly expiresAt: number | undefined;
  /** The same from the store's now on. */
  readonly expiresInMs: number | undefined;
}

/** A decision that is in force, as stores give it back. */
export interface RevocationRow extends Omit<RevocationWrite, "expiresInMs"> {
  /** Its version. */
  readonly version: number;
  /** When it was accepted. */
  readonly revokedAt: number;
}

/** Checks decisions. */
export function toRevocationWrite(revocation: Revocation): RevocationWrite {
  const { target, terminate, reason, requestedBy, expiresAt, expiresInMs } = revocation;
  const text = targetText(target);
  if (typeof terminate !== "boolean") throw new ConfigError(`Cannot use ${show(terminate)} as terminate: expected true or false`);
  const before = target.kind === "name" && target.before !== undefined ? validateInteger(target.before, "before") : undefined;
  return {
    target: text,
    before,
    terminate,
    reason: optionalText(reason, "the reason of a revocation", MAX_REASON_LENGTH),
    requestedBy: optionalText(requestedBy, "who asked for a revocation", MAX_ID_LENGTH),
    expiresAt: expiresInMs === undefined && expiresAt !== undefined ? validateInteger(expiresAt, "expiresAt") : undefined,
    expiresInMs: expiresInMs === undefined ? undefined : validateMs(expiresInMs, "expiresInMs", { min: 1 }),
  };
}

/** What is thrown when an expiry has come before its revocation. Only the store knows its now: of several it is the earliest for sure. */
export function refusedExpiry(writes: readonly RevocationWrite[]): ConfigError {
  const earliest = Math.min(...writes.flatMap(({ expiresAt }) => expiresAt ?? []));
  return new ConfigError(`Cannot use ${earliest} as the expiry of a revocation: expected an instant after the store's now`);
}

/** Makes of a row what callers get. */
export function toStoredRevocation(row: RevocationRow): StoredRevocation {
  const { target, before, terminate, reason, requestedBy, expiresAt, version, revokedAt } = row;
  return {
    target: toTarget(target, before),
    terminate,
    ...(reason === undefined ? {} : { reason }),
    ...(requestedBy === undefined ? {} : { requestedBy }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    version,
    revokedAt,
  };
}

/**
 * Writes what a decision is known by as one text, which is part of a key. The length of a header's name stands before it, so that no two
 * targets have one text, whatever characters they hold; nothing is escaped, so that the text stays within what Postgres can index.
 */
export function targetText(key: RevocationKey): string {
  const kind: string = key.kind;
  switch (key.kind) {
    case "task":
      return taskText(validateId(key.id, "a task's id"));
    case "name":
      return nameText(validateId(key.name, "a task's name"));
    case "header":
      return headerText(validateId(key.header, "a header's name"), validateId(key.value, "a header's value"));
    default:
      throw new ConfigError(`Cannot revoke a target of kind ${show(kind)}: expected "task", "name" or "header"`);
  }
}

/** The texts of all targets that tasks belong to; none twice unless a task is. */
export function targetsOf(tasks: readonly RevocableTask[]): readonly string[] {
  const targets: string[] = [];
  const names = new Set<string>();
  const byHeader = new Map<string, Set<string>>();
  // What is shared is told by its parts, before texts are made of them: that is most of the work.
  for (const { id, name, headers } of tasks) {
    targets.push(taskText(id));
    if (!names.has(name)) targets.push(nameText(name));
    names.add(name);
    for (const [header, value] of Object.entries(headers)) {
      // Nobody can have revoked a longer one; what else is not valid is found by no store.
      if (value.length > MAX_ID_LENGTH) continue;
      let values = byHeader.get(header);
      if (values === undefined) byHeader.set(header, values = new Set());
      if (!values.has(value)) targets.push(headerText(header, value));
      values.add(value);
    }
  }
  return targets;
}

/** Gives what finds, among decisions, those that are about a task. */
export function concernedBy(rows: readonly RevocationRow[]): (task: RevocableTask) => readonly RevocationRow[] {
  const ids = new Map<string, RevocationRow>();
  const names = new Map<string, RevocationRow>();
  const headers = new Map<string, Map<string, RevocationRow>>();
  for (const row of rows) {
    const target = toTarget(row.target, row.before);
    if (target.kind === "task") ids.set(target.id, row);
    else if (target.kind === "name") names.set(target.name, row);
    else headers.set(target.header, (headers.get(target.header) ?? new Map<string, RevocationRow>()).set(target.value, row));
  }
  return (task) => {
    const found = [ids.get(task.id)];
    const named = names.get(task.name);
    if (named?.before !== undefined && task.enqueuedAt < named.before) found.push(named);
    for (const [header, values] of headers) found.push(values.get(task.headers[header] ?? ""));
    return found.filter((row) => row !== undefined);
  };
}

function taskText(id: string): string {
  return `task ${id}`;
}

function nameText(name: string): string {
  return `name ${name}`;
}

function headerText(header: string, value: string): string {
  return `header ${header.length} ${header} ${value}`;
}

function toTarget(text: string, before: number | undefined): RevocationTarget {
  const [kind, rest] = cut(text);
  if (kind === "task") return { kind, id: rest };
  if (kind === "name") return { kind, name: rest, ...(before === undefined ? {} : { before }) };
  const [length, both] = cut(rest);
  const end = Number(length);
  return { kind: "header", header: both.slice(0, end), value: both.slice(end + 1) };
}

function cut(text: string): readonly [string, string] {
  const at = text.indexOf(" ");
  return [text.slice(0, at), text.slice(at + 1)];
}

function optionalText(value: string | undefined, what: string, longest: number): string | undefined {
  if (value === undefined) return undefined;
  const text = storableText(value, what);
  if (text.length <= longest) return text;
  throw new ConfigError(`Cannot use ${show(value)} as ${what}: it has ${text.length} characters, expected at most ${longest}`);
}
