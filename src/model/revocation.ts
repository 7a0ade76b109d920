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
    /** Only tasks enqueued before this instant. */
    readonly before: number;
  }
  | {
    /** Every task that carries a header value (a stamp). */
    readonly kind: "header";
    /** The header. */
    readonly header: string;
    /** Its value. */
    readonly value: string;
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
  /** When the revocation itself is forgotten; absent keeps it until it is removed. */
  readonly expiresAt?: number;
}

/** A revocation as the store keeps it. */
export interface StoredRevocation extends Revocation {
  /** Rises with each decision in the namespace; the higher one wins. Given by the store. */
  readonly version: number;
  /** When the store accepted it. */
  readonly revokedAt: number;
}
