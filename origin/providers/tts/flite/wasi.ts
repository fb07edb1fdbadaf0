/// <reference path="./webassembly.d.ts" />
/**
 * Runs a WASI command: arguments and output, and a folder in memory that it may write to. No network, no host file system, no
 * environment. Each run has an instance and a folder of its own, so that nothing of one run is left for the next.
 */
import { ConsoleStdout, File, OpenFile, PreopenDirectory, WASI } from '@bjorn3/browser_wasi_shim'

export interface ProgramResult {
  exitCode: number
  stdout: string
  stderr: string
  /** A file that the program wrote; undefined when it did not. */
  file(path: string): Uint8Array | undefined
}

/** One run, set up. */
class WasiRun {
  readonly #wasi: WASI
  readonly #instance: WebAssembly.Instance
  readonly #folder = new PreopenDirectory('/', new Map())
  readonly #stdout: Uint8Array[] = []
  readonly #stderr: Uint8Array[] = []

  constructor(module: WebAssembly.Module) {
    const stdin = new OpenFile(new File([]))
    const stdout = new ConsoleStdout((bytes) => this.#stdout.push(bytes))
    const stderr = new ConsoleStdout((bytes) => this.#stderr.push(bytes))
    // the shim writes every call to the log unless told otherwise
    this.#wasi = new WASI([], [], [stdin, stdout, stderr, this.#folder], { debug: false })
    this.#instance = new WebAssembly.Instance(module, { wasi_snapshot_preview1: this.#wasi.wasiImport })
  }

  /** To be called once. */
  run(args: readonly string[]): ProgramResult {
    const { memory, _start } = this.#instance.exports
    if (!(memory instanceof WebAssembly.Memory) || typeof _start !== 'function') throw new Error('The module is no WASI command.')
    this.#wasi.args = [...args]
    const exitCode = this.#wasi.start({ exports: { memory, _start: () => _start() } })
    return {
      exitCode,
      stdout: Buffer.concat(this.#stdout).toString(),
      stderr: Buffer.concat(this.#stderr).toString(),
      file: (path) => {
        const entry = this.#folder.dir.contents.get(path)
        return entry instanceof File ? entry.data : undefined
      },
    }
  }
}

/** A WASI command that may be run many times. */
export class Program {
  readonly #module: WebAssembly.Module
  #ready: WasiRun | undefined

  constructor(module: WebAssembly.Module) {
    this.#module = module
  }

  /** Sets up the next run's memory: 12 of the 44 ms of CPU time that a sentence takes. */
  prepare(): void {
    this.#ready ??= new WasiRun(this.#module)
  }

  /**
   * Runs to its end, synchronously.
   *
   * @param args the program's name and its arguments, ASCII
   * @throws WebAssembly.RuntimeError when the program traps
   */
  run(args: readonly string[]): ProgramResult {
    const run = this.#ready ?? new WasiRun(this.#module)
    this.#ready = undefined
    return run.run(args)
  }
}
