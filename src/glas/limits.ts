/** Limits of the nouns themselves. Each folder keeps its own beside what it limits; docs/limits.md lists them all. */

/** An entry on the wire and in the journal: names and keys fit, a picture does not. */
export const MAX_ENTRY_BYTES = 2048
/** A record: the image-id may hold thousands of segments, everything else is short. */
export const MAX_RECORD_BYTES = 64 * 1024
/** Segments of an image-id after its root; one is added with every snapshot. */
export const MAX_IMAGE_ID_SEGMENTS = 10_000
/** One part of a version number: exact in every language, and far away. */
export const MAX_VERSION_PART = 2 ** 31 - 1
/** Image names are file names: 255 bytes on every common file system, less the `.image`. */
export const MAX_IMAGE_NAME_BYTES = 240
export const MAX_TAG_CHARS = 64
export const MAX_NOTE_BYTES = 1024
export const MAX_HOSTNAME_BYTES = 255
export const MAX_PATH_BYTES = 4096
/** Rules in `removed`, kinds in `searched`: there are a few dozen of each at most. */
export const MAX_RECORD_LIST_ITEMS = 256
/** Entry ids that one revocation can keep and stay below MAX_ENTRY_BYTES; more take several revocations. */
export const MAX_KEPT_ENTRIES = 48
/** Shortest glas-id prefix that a reference may use: shorter ones are more likely image names. */
export const MIN_GLAS_ID_PREFIX_CHARS = 4
