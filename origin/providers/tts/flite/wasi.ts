/// <reference path="./webassembly.d.ts" />
/**
 * As much of WASI preview 1 as one command-line program needs that reads its arguments and writes files: arguments,
 * a clock, standard output, and a folder in memory. No network, no host file system, no environment.
 *
 * Layouts, numbers and error codes: WASI snapshot_preview1 witx,
 * https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md
 */

const ERRNO = { success: 0, badf: 8, fbig: 22, inval: 28, noent: 44, spipe: 70 } as const
const FILETYPE = { characterDevice: 2, directory: 3, regularFile: 4 } as const
const OFLAGS = { creat: 1, trunc: 8 } as const
const WHENCE = { set: 0, cur: 1, end: 2 } as const
const ALL_RIGHTS = (1n << 29n) - 1n
/** Descriptors 0 to 2 are the standard streams, 3 is the one folder that the program may open files in. */
const STDOUT = 1
const STDERR = 2
const FOLDER = 3
/** Bytes of one ciovec or iovec: pointer and length, 32 bits each. */
const IOVEC_BYTES = 8

/** A growing file in memory. */
class MemoryFile {
  #bytes = new Uint8Array(64 * 1024)
  #length = 0

  get length(): number {
    return this.#length
  }

  contents(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  truncate(): void {
    this.#length = 0
  }

  read(into: Uint8Array, position: number): number {
    const part = this.#bytes.subarray(Math.min(position, this.#length), Math.min(position + into.length, this.#length))
    into.set(part)
    return part.length
  }

  write(from: Uint8Array, position: number): void {
    const end = position + from.length
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, this.#bytes.length * 2))
      grown.set(this.contents())
      this.#bytes = grown
    }
    this.#bytes.set(from, position)
    this.#length = Math.max(this.#length, end)
  }
}

/** How `proc_exit` leaves the program's stack. */
class ProgramExit extends Error {
  readonly code: number
  constructor(code: number) {
    super(`exit code ${code}`)
    this.code = code
  }
}

export interface ProgramResult {
  exitCode: number
  stdout: string
  stderr: string
  /** A file that the program wrote; undefined when it did not. */
  file(path: string): Uint8Array | undefined
}

export interface ProgramOptions {
  /** Files and output together may grow to this. @default 64 MiB */
  maxBytes?: number
}

/** One run of one program: its own memory, its own files. */
class WasiProgram {
  readonly #instance: WebAssembly.Instance
  readonly #maxBytes: number
  #argv: Uint8Array[] = []
  readonly #files = new Map<string, MemoryFile>()
  readonly #open = new Map<number, { file: MemoryFile; position: number }>()
  readonly #streams = { [STDOUT]: new MemoryFile(), [STDERR]: new MemoryFile() }
  #nextDescriptor = FOLDER + 1
  #memory = new WebAssembly.Memory({ initial: 0 })

  constructor(module: WebAssembly.Module, { maxBytes = 64 * 1024 * 1024 }: ProgramOptions) {
    this.#maxBytes = maxBytes
    this.#instance = new WebAssembly.Instance(module, { wasi_snapshot_preview1: this.#imports() })
  }

  /** To be called once. */
  run(args: readonly string[]): ProgramResult {
    const encoder = new TextEncoder()
    this.#argv = args.map((arg) => encoder.encode(`${arg}\0`))
    const { memory, _start } = this.#instance.exports
    if (!(memory instanceof WebAssembly.Memory) || typeof _start !== 'function') throw new Error('The module is no WASI command.')
    this.#memory = memory
    let exitCode = 0
    try {
      _start()
    } catch (thrown) {
      if (!(thrown instanceof ProgramExit)) throw thrown
      exitCode = thrown.code
    }
    const decoder = new TextDecoder()
    return {
      exitCode,
      stdout: decoder.decode(this.#streams[STDOUT].contents()),
      stderr: decoder.decode(this.#streams[STDERR].contents()),
      file: (path) => this.#files.get(path)?.contents(),
    }
  }

  /** Views are made anew for every call: the memory's buffer is another one after it has grown. */
  #view(): DataView {
    return new DataView(this.#memory.buffer)
  }

  #bytes(pointer: number, length: number): Uint8Array {
    return new Uint8Array(this.#memory.buffer, pointer, length)
  }

  /** The program's buffers that a vectored read or write names. */
  #vectors(pointer: number, count: number): Uint8Array[] {
    const view = this.#view()
    return Array.from({ length: count }, (_, index) => {
      const at = pointer + IOVEC_BYTES * index
      return this.#bytes(view.getUint32(at, true), view.getUint32(at + 4, true))
    })
  }

  #imports(): WebAssembly.ModuleImports {
    return {
      args_sizes_get: (countPointer: number, sizePointer: number) => {
        const view = this.#view()
        view.setUint32(countPointer, this.#argv.length, true)
        view.setUint32(
          sizePointer,
          this.#argv.reduce((sum, arg) => sum + arg.length, 0),
          true,
        )
        return ERRNO.success
      },
      args_get: (pointers: number, buffer: number) => {
        const view = this.#view()
        let at = buffer
        for (const [index, arg] of this.#argv.entries()) {
          view.setUint32(pointers + 4 * index, at, true)
          this.#bytes(at, arg.length).set(arg)
          at += arg.length
        }
        return ERRNO.success
      },
      clock_time_get: (_clock: number, _precision: bigint, timePointer: number) => {
        this.#view().setBigUint64(timePointer, BigInt(Math.round(performance.now() * 1e6)), true)
        return ERRNO.success
      },
      fd_prestat_get: (descriptor: number, pointer: number) => {
        if (descriptor !== FOLDER) return ERRNO.badf
        const view = this.#view()
        view.setUint8(pointer, 0)
        view.setUint32(pointer + 4, 1, true)
        return ERRNO.success
      },
      fd_prestat_dir_name: (descriptor: number, pointer: number) => {
        if (descriptor !== FOLDER) return ERRNO.badf
        this.#view().setUint8(pointer, '/'.charCodeAt(0))
        return ERRNO.success
      },
      fd_fdstat_get: (descriptor: number, pointer: number) => {
        if (descriptor > FOLDER && !this.#open.has(descriptor)) return ERRNO.badf
        const view = this.#view()
        const type = descriptor < FOLDER ? FILETYPE.characterDevice : descriptor === FOLDER ? FILETYPE.directory : FILETYPE.regularFile
        view.setUint8(pointer, type)
        view.setUint16(pointer + 2, 0, true)
        view.setBigUint64(pointer + 8, ALL_RIGHTS, true)
        view.setBigUint64(pointer + 16, ALL_RIGHTS, true)
        return ERRNO.success
      },
      fd_fdstat_set_flags: () => ERRNO.success,
      path_open: (
        _folder: number,
        _lookup: number,
        pathPointer: number,
        pathLength: number,
        oflags: number,
        _rights: bigint,
        _inheriting: bigint,
        _fdflags: number,
        descriptorPointer: number,
      ) => this.#openFile(new TextDecoder().decode(this.#bytes(pathPointer, pathLength)), oflags, descriptorPointer),
      fd_close: (descriptor: number) => (this.#open.delete(descriptor) || descriptor <= FOLDER ? ERRNO.success : ERRNO.badf),
      fd_read: (descriptor: number, vectors: number, count: number, readPointer: number) => {
        const open = this.#open.get(descriptor)
        if (!open && descriptor !== 0) return ERRNO.badf
        let total = 0
        // Standard input is always at its end.
        for (const vector of open ? this.#vectors(vectors, count) : []) {
          const read = open?.file.read(vector, open.position) ?? 0
          if (open) open.position += read
          total += read
          if (read < vector.length) break
        }
        this.#view().setUint32(readPointer, total, true)
        return ERRNO.success
      },
      fd_write: (descriptor: number, vectors: number, count: number, writtenPointer: number) => {
        const open = this.#open.get(descriptor) ?? this.#stream(descriptor)
        if (!open) return ERRNO.badf
        let total = 0
        for (const vector of this.#vectors(vectors, count)) {
          if (open.position + vector.length > this.#maxBytes) return ERRNO.fbig
          open.file.write(vector, open.position)
          open.position += vector.length
          total += vector.length
        }
        this.#view().setUint32(writtenPointer, total, true)
        return ERRNO.success
      },
      fd_seek: (descriptor: number, offset: bigint, whence: number, positionPointer: number) => {
        const open = this.#open.get(descriptor)
        if (!open) return descriptor < FOLDER ? ERRNO.spipe : ERRNO.badf
        const base = whence === WHENCE.set ? 0 : whence === WHENCE.cur ? open.position : open.file.length
        const position = base + Number(offset)
        if (whence > WHENCE.end || position < 0 || position > this.#maxBytes) return ERRNO.inval
        open.position = position
        this.#view().setBigUint64(positionPointer, BigInt(position), true)
        return ERRNO.success
      },
      proc_exit: (code: number) => {
        throw new ProgramExit(code)
      },
    }
  }

  #stream(descriptor: number): { file: MemoryFile; position: number } | undefined {
    if (descriptor !== STDOUT && descriptor !== STDERR) return undefined
    const file = this.#streams[descriptor]
    return { file, position: file.length }
  }

  #openFile(path: string, oflags: number, descriptorPointer: number): number {
    let file = this.#files.get(path)
    if (!file) {
      if ((oflags & OFLAGS.creat) === 0) return ERRNO.noent
      file = new MemoryFile()
      this.#files.set(path, file)
    }
    if ((oflags & OFLAGS.trunc) !== 0) file.truncate()
    const descriptor = this.#nextDescriptor++
    this.#open.set(descriptor, { file, position: 0 })
    this.#view().setUint32(descriptorPointer, descriptor, true)
    return ERRNO.success
  }
}

/** A WASI command that may be run many times, each with memory and a file system of its own. */
export class Program {
  readonly #module: WebAssembly.Module
  readonly #options: ProgramOptions
  #ready: WasiProgram | undefined

  constructor(module: WebAssembly.Module, options: ProgramOptions = {}) {
    this.#module = module
    this.#options = options
  }

  /** Sets up the next run's memory: 12 of the 44 ms of CPU time that a sentence takes. */
  prepare(): void {
    this.#ready ??= new WasiProgram(this.#module, this.#options)
  }

  /**
   * Runs to its end, synchronously.
   *
   * @param args the program's name and its arguments
   * @throws WebAssembly.RuntimeError when the program traps
   */
  run(args: readonly string[]): ProgramResult {
    this.prepare()
    const program = this.#ready
    this.#ready = undefined
    if (!program) throw new Error('The program is not ready.')
    return program.run(args)
  }
}
