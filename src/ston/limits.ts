/** What a STON text may ask of the reader, and what the writer may make, so that what is written can be read again. */

/** UTF-16 code units of one text. The largest texts met are Epicea logs of some 16 MiB. */
export const MAX_TEXT_CODE_UNITS = 64 * 1024 * 1024

/** Lists, maps, objects and associations inside one another. Reading recurses: this takes under a third of Node's stack. */
export const MAX_NESTING_LEVELS = 256

/** Values of one graph, keys included. A node of the syntax tree takes 70 to 170 bytes, so 170 MB at most. */
export const MAX_GRAPH_VALUES = 1_000_000

/** Digits of an integer. Conversion grows faster than the length: 100,000 take 3 ms, a million 60 ms. */
export const MAX_INTEGER_DIGITS = 100_000

/** Digits of each part of a fraction: the writer reduces it, in time that grows with the square of the length. */
export const MAX_FRACTION_DIGITS = 1_000

/** `1e400` stays an exact integer, so seven characters would make any size. The range of JSON's doubles is enough. */
export const MAX_EXPONENT = 400

/**
 * Numeric keys of one map. JavaScript hashes numbers without a secret (large ones by their low 64 bits alone), so a text
 * can choose keys that all collide, and filling the map then takes time that grows with the square of their count.
 */
export const MAX_NUMERIC_KEYS = 2_000
