/**
 * The names under which the stores tell each other of writes. Every store of a database uses the same ones, so that a ledger wakes whoever
 * waits on its broker or its result backend.
 *
 * @module
 */

/** Something may have become claimable in the queue, or may fall due sooner. */
export function queueTopic(namespace: string, queue: string): string {
  return `queue ${namespace} ${queue}`;
}

/** The status of the task may have changed. */
export function taskTopic(namespace: string, taskId: string): string {
  return `task ${namespace} ${taskId}`;
}

/** Something was sent to the channel. */
export function channelTopic(namespace: string, channel: string): string {
  return `channel ${namespace} ${channel}`;
}

/** Something has become claimable in some queue of the namespace. */
export function readyTopic(namespace: string): string {
  return `ready ${namespace}`;
}

/** The lock of the key was given back. */
export function lockTopic(namespace: string, key: string): string {
  return `lock ${namespace} ${key}`;
}

/** A schedule of the namespace may be claimable sooner than before. */
export function scheduleTopic(namespace: string): string {
  return `schedule ${namespace}`;
}

/** A revocation of the namespace was decided or taken back. */
export function revocationTopic(namespace: string): string {
  return `revocation ${namespace}`;
}
