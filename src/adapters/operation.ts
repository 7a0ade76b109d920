// Operations whose name in the contract is no verb.
const WORDS: Readonly<Record<string, string>> = {
  broadcasts: "delete old broadcasts",
  counts: "count a queue",
  deadLetters: "use dead letters",
  dueChords: "list due chords",
  isCurrent: "check a lock",
  nextDueIn: "tell when a slot is due",
  ownerOf: "tell who holds a lock",
  pausedQueues: "list paused queues",
  scheduleHistory: "read a schedule's history",
};

/** The operation of a statement or script that is named `operation` or `operation.part`. */
export function operationOf(name: string): string {
  const [operation = name] = name.split(".");
  return operation;
}

/** An operation as people read it behind "Cannot": `setHeartbeat` is "set heartbeat". */
export function wordsOf(operation: string): string {
  return WORDS[operation] ?? operation.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
