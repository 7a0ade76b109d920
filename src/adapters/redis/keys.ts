/**
 * What the keys of a namespace begin with. The name stands in braces, Redis's hash tag: all keys of a namespace live in one slot of a
 * cluster, so that one script can change any of them together. Part of what is stored: it must not change.
 */
export function prefixOf(namespace: string): string {
  // A brace inside would end the tag early.
  return `stem:{${namespace.replaceAll(/[%{}]/g, (character) => `%${character.charCodeAt(0).toString(16)}`)}}:`;
}

/** The channel on which a namespace tells that something may have changed: scripts publish to `ns .. '~' .. topic`. */
export function channelOf(namespace: string, topic: string): string {
  return `${prefixOf(namespace)}~${topic}`;
}
