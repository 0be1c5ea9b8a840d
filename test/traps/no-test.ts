// Registers nothing: the run must not take this for a success.
import '../harness.ts'
