/** A task module that fails as it is loaded. */

export const tasks = [];

throw new RangeError("at load");
