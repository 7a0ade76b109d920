import type { Sql } from "postgres";
import type { Logger } from "../../contracts/logger.ts";
import { systemClock } from "../../time/clock.ts";

/** What a {@link PostgresGrowth} watches. */
export interface PostgresGrowthOptions {
  /** Where the tables are. */
  readonly client: Pick<Sql, "unsafe">;
  /** Their schema. */
  readonly schema: string;
  /** Told when looking failed. */
  readonly logger: Logger;
}

// Below that many rows any plan is a good one.
const LOOK_AFTER_ROWS = 500;
const LOOK_AFTER_MS = 200;

// Of each table the columns that decide how it is searched. The long texts are none of them, and would take most of the time.
const GROWN = `select c.relname as name, (select pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' order by a.attnum)
    from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    and (a.atttypid in ('int4'::regtype, 'int8'::regtype)
      or exists (select 1 from pg_catalog.pg_index i where i.indrelid = c.oid and a.attnum = any (i.indkey)))) as columns
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $1 and c.relkind = 'r'
  and pg_catalog.pg_relation_size(c.oid) > 2 * c.relpages::bigint * pg_catalog.current_setting('block_size')::bigint`;

// What matters is how large a table is. Thirty thousand rows, as the server would read by itself, took a tenth of its time in a busy minute; both
// statements go together, which makes them one transaction.
const COARSELY = "set local default_statistics_target = 10";

/**
 * Has tables analysed as soon as they have doubled in size.
 *
 * Prepared statements keep the plan that was best when they were young. Where the table was nearly empty then, that plan reads all of it,
 * and autovacuum notices a minute later: until then, 100 reads by id took 400 ms among 50,000 rows instead of 1. Analysing makes every
 * connection, of any process, plan anew.
 */
export class PostgresGrowth {
  readonly #options: PostgresGrowthOptions;
  #rows = 0;
  #lookedAt = -Infinity;
  #looking = false;

  /** Prepares it; nothing is sent. */
  constructor(options: PostgresGrowthOptions) {
    this.#options = options;
  }

  /** Counts rows that a statement gave back, and looks in the background when there were enough since it last did. */
  touched(rows: number): void {
    this.#rows += rows;
    if (this.#rows < LOOK_AFTER_ROWS || this.#looking || systemClock.monotonic() - this.#lookedAt < LOOK_AFTER_MS) return;
    this.#rows = 0;
    this.#looking = true;
    void this.#look();
  }

  async #look(): Promise<void> {
    const { client, schema, logger } = this.#options;
    try {
      for (const { name, columns } of await client.unsafe<{ name: string; columns: string }[]>(GROWN, [schema])) {
        // Another process may be at it already: then this one need not.
        await client.unsafe(`${COARSELY}; analyze (skip_locked) ${quoted(schema)}.${quoted(name)} (${columns})`);
      }
    } catch (error) {
      // Nothing depends on it but speed.
      logger.debug("Could not analyse tables that have grown", { error });
    }
    this.#lookedAt = systemClock.monotonic();
    this.#looking = false;
  }
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
