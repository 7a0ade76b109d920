/** What a revocation applies to. Two name the same target when kind and id, name, or header and value are equal: `before` belongs to the decision. */
export type RevocationTarget =
  | {
    /** One task. */
    readonly kind: "task";
    /** The task's id. */
    readonly id: string;
  }
  | {
    /** Every task of a name that was enqueued before an instant. */
    readonly kind: "name";
    /** The task's name. */
    readonly name: string;
    /** Only tasks enqueued before this instant, by the clock of their producer. @default the store's now */
    readonly before?: number;
  }
  | {
    /** Every task that carries a header value (a stamp). */
    readonly kind: "header";
    /** The header. */
    readonly header: string;
    /** Its value. */
    readonly value: string;
  };

/** What a decision is known by. */
export type RevocationKey = Exclude<RevocationTarget, { readonly kind: "name" }> | {
  /** Every task of a name. */
  readonly kind: "name";
  /** The task's name. */
  readonly name: string;
};

/** A decision that tasks shall not run, or not go on. */
export interface Revocation {
  /** What it applies to. */
  readonly target: RevocationTarget;
  /** Whether running handlers are aborted too; otherwise only waiting tasks are stopped. */
  readonly terminate: boolean;
  /** Why; shown to whoever awaits the task. */
  readonly reason?: string;
  /** Who decided it. */
  readonly requestedBy?: string;
  /** When the revocation itself is forgotten, by the store's clock; absent keeps it until it is removed. */
  readonly expiresAt?: number;
  /** The same as a time from the store's now on, in milliseconds; wins over `expiresAt`. */
  readonly expiresInMs?: number;
}

/** A revocation as the store keeps it. */
export interface StoredRevocation extends Omit<Revocation, "expiresInMs"> {
  /** Rises with each decision in the namespace; the higher one wins. Given by the store. */
  readonly version: number;
  /** When the store accepted it. */
  readonly revokedAt: number;
}
