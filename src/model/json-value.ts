import { PayloadError } from "../errors.ts";

/** How deep arrays and objects may nest in a payload; a cycle is told from plain depth in the error. */
export const deepestJson = 1_000;

/**
 * Makes sure that a value arrives as it is when it is sent as JSON: `null`, booleans, finite numbers, strings, arrays and plain objects of
 * these. Properties that are `undefined` are allowed, they are left out; getters are read as their values.
 *
 * @param what What the value is, as the error names it: `"args"`, `"meta"`.
 * @throws {PayloadError} When it does not; the message names the place inside and what stands there.
 */
export function assertJson(value: unknown, what: string): void {
  if (isJson(value, 0)) return;
  const fault = findFault(value, what, []);
  // Only a getter that answers differently each time leads here without a fault.
  throw new PayloadError(fault ?? `Cannot carry ${what} as JSON: it changes while it is read`);
}

/** The fast way, walked for every payload; it says only whether something is wrong. */
function isJson(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true;
    case "number":
      return Number.isFinite(value);
    case "object":
      break;
    default:
      return false;
  }
  if (value === null) return true;
  if (depth >= deepestJson) return false;
  if (Array.isArray(value)) {
    if (!isPlainArray(value)) return false;
    // By index: an iterator would cost twice the time. A hole reads as `undefined`, which is refused.
    for (let index = 0; index < value.length; index++) {
      if (!isJson(value[index], depth + 1)) return false;
    }
    return true;
  }
  if (!isPlainObject(value) || Object.getOwnPropertySymbols(value).length > 0) return false;
  for (const key of Object.keys(value)) {
    const item = value[key];
    if (item !== undefined && !isJson(item, depth + 1)) return false;
  }
  return true;
}

/** The slow way, walked only to say what is wrong and where. */
function findFault(value: unknown, path: string, ancestors: readonly unknown[]): string | undefined {
  const problem = problemOf(value);
  if (problem !== undefined) return `Cannot carry ${path} as JSON: ${problem}`;
  if (typeof value !== "object" || value === null) return undefined;
  if (ancestors.includes(value)) return `Cannot carry ${path} as JSON: it contains itself`;
  if (ancestors.length >= deepestJson) {
    return `Cannot carry ${shorten(path)} as JSON: it nests deeper than ${deepestJson} levels`;
  }
  const inside = [...ancestors, value];
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const fault = findFault(value[index], `${path}[${index}]`, inside);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }
  for (const [key, item] of Object.entries(value)) {
    const fault = item === undefined ? undefined : findFault(item, path + accessor(key), inside);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function problemOf(value: unknown): string | undefined {
  switch (typeof value) {
    case "bigint":
      return "it is a bigint; send it as a string";
    case "function":
      return `it is a function${value.name === "" ? "" : ` named ${JSON.stringify(value.name)}`}`;
    case "symbol":
      return "it is a symbol";
    case "undefined":
      return "it is undefined; send null, or leave it out";
    case "number":
      return Number.isFinite(value) ? undefined : `it is ${value}; send null or a finite number`;
    case "object":
      return value === null ? undefined : problemOfObject(value);
    default:
      return undefined;
  }
}

function problemOfObject(value: object): string | undefined {
  if (value instanceof Date) return "it is a Date; send its ISO text or its epoch milliseconds";
  if (value instanceof Map) return "it is a Map; send an object or an array of pairs";
  if (value instanceof Set) return "it is a Set; send an array";
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `it is a ${className(value)}; send its bytes as base64 text`;
  if (value instanceof Promise) return "it is a promise; await it first";
  if (Array.isArray(value) ? !isPlainArray(value) : !isPlainObject(value)) {
    return `it is an instance of ${className(value)}; send a plain object, array or text`;
  }
  const symbol = Object.getOwnPropertySymbols(value)[0];
  return symbol === undefined ? undefined : `it has a property named by the symbol ${symbol.description ?? ""}`.trimEnd();
}

// By what their prototypes are, not by which: values from another realm (a vm context, an iframe) have prototypes of their own.
/** Tells whether an array is nothing but an array. */
export function isPlainArray(value: readonly unknown[]): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Array.prototype || Array.isArray(prototype);
}

/** Tells whether an object is nothing but its properties: no instance of a class. */
export function isPlainObject(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return true;
  return typeof prototype === "object" && Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, "isPrototypeOf");
}

function className(value: object): string {
  const { constructor } = value;
  return typeof constructor === "function" && constructor.name !== "" ? constructor.name : "a class without a name";
}

function accessor(key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

function shorten(path: string): string {
  return path.length <= 80 ? path : `${path.slice(0, 60)}…`;
}
