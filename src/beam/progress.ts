/** What long work tells while it goes on. Bytes that were here already count as done. */
export interface Progress {
  phase: 'reading' | 'fetching' | 'placing' | 'sending' | 'checking' | 'sweeping' | 'waiting'
  doneBytes: number
  /** Undefined while it is not known. */
  totalBytes?: number
}

/** Options of every verb: how to stop it, and where its progress and its warnings go. */
export interface CallOptions {
  signal: AbortSignal
  /** Never reach for the network: NotAllowed where a verb cannot do without. */
  offline: boolean
  onProgress: (progress: Progress) => void
  /** A sentence for the user that is no result: a warning, or what happens next. */
  onMessage: (message: string) => void
}
