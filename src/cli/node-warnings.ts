/** Node 22 and 24 warn that `node:sqlite` is experimental; we pin what we use of it, and users need not read that. */
export function quietWarnings(): void {
  const emit = process.emitWarning
  process.emitWarning = ((warning: string | Error, ...rest: unknown[]) => {
    const first = rest[0]
    const type = typeof first === 'object' && first !== null && 'type' in first ? first.type : first
    if (type === 'ExperimentalWarning') return
    return Reflect.apply(emit, process, [warning, ...rest])
  }) as typeof process.emitWarning
}
