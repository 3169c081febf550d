package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

const (
	// ownMemory is what the runtime and the threads' stacks take beside a program.
	ownMemory = 256 << 20
	// idleMemory is how much of the last program's memory may stay for the next.
	idleMemory = 64 << 20
	// longestError bounds an error, as a program may put anything into one.
	longestError = 8 << 10
)

// limitMemory bounds the process's private memory. A program that allocates more
// ends the process at once, however fast it does: the searcher's watchdog only
// looks every few milliseconds. Memory that is merely reserved, as Go's runtime
// does in plenty, does not count.
func limitMemory(bytes int64) error {
	limit := uint64(bytes + ownMemory)
	if err := unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
		return fmt.Errorf("memory limit of %d bytes: %w", limit, err)
	}
	debug.SetMemoryLimit(bytes / 4 * 3) // collect garbage more eagerly before it comes to that
	return nil
}

// parse answers programs until the input closes.
func parse(in <-chan []byte, out *wire) error {
	for {
		e, err := receive(in)
		if err != nil {
			return err
		}
		if e.Parse == nil {
			return errUnexpected
		}
		var answer trial.Parsed
		answer.Program, err = arch.Parse(e.Parse.Source, arch.InputOf(e.Parse.Input, e.Parse.Vocabulary), e.Parse.Classes)
		if err != nil {
			answer = trial.Parsed{Error: bounded(err.Error())}
		}
		if err := out.send(trial.Envelope{Parsed: &answer}); err != nil {
			return err
		}
		var m runtime.MemStats
		if runtime.ReadMemStats(&m); m.HeapSys-m.HeapReleased > idleMemory {
			debug.FreeOSMemory() // the next program is not to pay for this one
		}
	}
}

func bounded(text string) string {
	if len(text) <= longestError {
		return text
	}
	return text[:longestError] + " …"
}
