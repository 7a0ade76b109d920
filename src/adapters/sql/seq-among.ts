import type { SQL, SQLWrapper } from "drizzle-orm";
import { sql } from "drizzle-orm";
import type { Dialect } from "./dialect.ts";
import type { Tables } from "./tables.ts";

/** Whether a row of the namespace has one of the `seq` that the subselect gives; found by the index `tasks_newest`, whose condition it says. */
export function seqAmong(
  tasks: Tables["tasks"],
  seqs: SQLWrapper,
  { ns, dialect }: { readonly ns: SQLWrapper; readonly dialect: Dialect },
): SQL<boolean> {
  return sql<boolean>`(${tasks.ns} = ${ns} and ${tasks.seq} > 0 and ${dialect.anyOf(tasks.seq, seqs)})`;
}
