import { sql } from "drizzle-orm";
import type { SQL, SQLWrapper } from "drizzle-orm";

/** The larger of two numbers. The databases have functions for it under different names, and of different minds about null: give it none. */
export function larger(a: SQLWrapper, b: SQLWrapper): SQL<number> {
  return sql<number>`case when ${a} > ${b} then ${a} else ${b} end`.mapWith(Number);
}
