/** Schemas by the Standard Schema interface, as any validation library gives them. */

import type { StandardSchemaV1 } from "@standard-schema/spec";

/** Takes text that reads as a number, and gives the number. */
export const numberFromText: StandardSchemaV1<string, number> = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: (value) => {
      const number = typeof value === "string" && value !== "" ? Number(value) : Number.NaN;
      return Number.isNaN(number) ? { issues: [{ message: "expected a number as text" }] } : { value: number };
    },
  },
};

/** Finds the given faults, whatever the value. */
export function faulty(issues: readonly StandardSchemaV1.Issue[]): StandardSchemaV1 {
  return { "~standard": { version: 1, vendor: "test", validate: async () => ({ issues }) } };
}
