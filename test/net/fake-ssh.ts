/**
 * Stands in for ssh where no sshd can run: takes the arguments that PintGlas gives to ssh, and does on this machine what
 * ssh does on the other. Destinations of the name `refused` and `banner` behave as their names say.
 */
import { spawn } from 'node:child_process'
import { connect } from 'node:net'

const args = process.argv.slice(2)
const split = args.indexOf('--')
const flags = args.slice(0, split)
const [destination, command] = args.slice(split + 1)
const forward = flags[flags.indexOf('-W') + 1]

if (destination?.endsWith('refused')) {
  console.error('Warning: something\nme@refused: Permission denied (publickey).')
  process.exitCode = 255
} else if (flags.includes('-W') && forward !== undefined) {
  const at = forward.lastIndexOf(':')
  const socket = connect(Number(forward.slice(at + 1)), forward.slice(0, at))
  process.stdin.pipe(socket).pipe(process.stdout)
  socket.on('close', () => process.exit())
  socket.on('error', (error) => {
    console.error(error.message)
    process.exit(255)
  })
} else {
  if (destination?.endsWith('banner')) console.log('Welcome to the cluster!\n{not json}\n')
  const child = spawn('sh', ['-c', command ?? ''], { stdio: 'inherit' })
  child.on('exit', (code) => process.exit(code ?? 1))
  process.on('SIGTERM', () => child.kill('SIGKILL'))
}
