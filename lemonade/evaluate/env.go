package evaluate

import (
	"slices"
	"strings"
)

// tuning makes glibc keep memory instead of handing it back to the kernel after
// every step, and use huge pages. Measured here on a small convolutional network:
// 428 to 542 ms of CPU time per training step instead of 700 to 735. glibc reads
// these variables when a process starts, which is why the parent sets them.
var tuning = []string{
	"MALLOC_ARENA_MAX=1",
	"MALLOC_MMAP_MAX_=0",
	"MALLOC_TRIM_THRESHOLD_=17179869184",
	"GLIBC_TUNABLES=glibc.malloc.hugetlb=1",
}

// Tuning returns those variables as NAME=VALUE, for other programs that train.
func Tuning() []string { return slices.Clone(tuning) }

// trainEnv is what a worker in mode train gets on top of this process's
// environment, where that does not set it already.
func trainEnv(backend string) []string {
	return append(Tuning(), "GOMLX_BACKEND="+backend)
}

// parseEnv is the whole environment of a worker that runs foreign programs. One
// processor is enough for it, and leaves the others to the training.
func parseEnv() []string { return []string{"GOMAXPROCS=1", "GOTRACEBACK=single"} }

// workerEnv is environ without secrets, with the defaults that it does not set.
func workerEnv(environ, defaults []string) []string {
	env := slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return isSecret(name)
	})
	for _, d := range defaults {
		name, _, _ := strings.Cut(d, "=")
		if !slices.ContainsFunc(env, func(entry string) bool { return strings.HasPrefix(entry, name+"=") }) {
			env = append(env, d)
		}
	}
	return env
}

var secretSuffixes = []string{"_API_KEY", "_ACCESS_KEY", "_TOKEN", "_SECRET", "_PASSWORD", "_CREDENTIALS"}

// isSecret reports whether a variable of that name holds a secret, as far as its
// name tells. OPENAI_API_KEY, GEMINI_API_KEY and GOOGLE_API_KEY are among them.
func isSecret(name string) bool {
	name = strings.ToUpper(name)
	return slices.ContainsFunc(secretSuffixes, func(s string) bool {
		return strings.HasSuffix(name, s) || name == s[1:]
	})
}

// secretValues lists what must not appear in any message. Values of a few letters
// are left out: hiding them would garble words and protect nothing.
func secretValues(environ []string) []string {
	var values []string
	for _, entry := range environ {
		if name, value, _ := strings.Cut(entry, "="); isSecret(name) && len(value) >= 8 {
			values = append(values, value)
		}
	}
	return values
}
